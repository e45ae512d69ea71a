"""The books as JSON: which there are, their entries, and what people book by hand."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response

from billing.ledger import by_hand, queries
from billing.ledger.access import books_for, entry_for
from billing.ledger.models import Entry, Journal, Posting
from erp.base.api import KEY_HEADER, filled, idempotency_key, who
from erp.base.doors import now
from erp.base.money import check_currency
from erp.base.rows import Remembered, Rows
from erp.customers.access import require
from erp.customers.models import Organisation
from erp.customers.states import Right


class LegOut(serializers.ModelSerializer[Posting]):
    """One leg: debit positive, credit negative."""

    account = serializers.CharField(source="account.code", read_only=True)
    account_name = serializers.CharField(source="account.name", read_only=True)
    letter = serializers.CharField(source="lettering.code", read_only=True, allow_null=True)

    class Meta:
        model = Posting
        fields = ("account", "account_name", "minor", "item", "due_on", "letter")
        read_only_fields = fields


class EntryOut(serializers.ModelSerializer[Entry]):
    """One balanced entry, chained to the one before it by its hash."""

    books = serializers.CharField(source="organisation.reference", read_only=True)
    number = serializers.CharField(source="full_number", read_only=True)
    journal = serializers.CharField(read_only=True)
    reverses = serializers.CharField(source="reverses.reference", read_only=True, allow_null=True)
    legs = LegOut(source="postings", many=True, read_only=True)

    class Meta:
        model = Entry
        fields = (
            "reference", "number", "position", "books", "journal", "posted_on", "currency",
            "description", "piece", "piece_on", "reverses", "recorded_at", "hash", "legs",
        )  # fmt: skip
        read_only_fields = fields


class LegIn(serializers.Serializer[Any]):
    """One line: debit positive, credit negative."""

    account = serializers.CharField(max_length=40)
    minor = serializers.IntegerField(min_value=-(10**15), max_value=10**15)
    item = serializers.CharField(max_length=40, required=False, allow_blank=True, default="")
    due_on = serializers.DateField(required=False, allow_null=True, default=None)

    def validate_minor(self, minor: int) -> int:
        """A line moves something."""
        if not minor:
            raise serializers.ValidationError("An amount is not zero.")
        return minor


class EntryIn(serializers.Serializer[Any]):
    """An entry by hand, in the journal of miscellaneous facts."""

    books = serializers.CharField(required=False, default="", max_length=12, help_text="O-…")
    posted_on = serializers.DateField()
    currency = serializers.RegexField(r"^[A-Z]{3}$")
    description = serializers.CharField(max_length=200, help_text="What it is about, and why.")
    legs = serializers.ListField(child=LegIn(), min_length=2, max_length=by_hand.MOST_LEGS)


class ReverseIn(serializers.Serializer[Any]):
    """A day, and why."""

    on = serializers.DateField()
    why = serializers.CharField(max_length=200)


class EntriesAsked(serializers.Serializer[Any]):
    """What a list of entries may be asked for."""

    books = serializers.CharField(required=False, max_length=12, help_text="Whose books: O-…")
    journal = serializers.ChoiceField(required=False, choices=Journal.choices)
    since = serializers.DateField(required=False)
    until = serializers.DateField(required=False)


class PositionCursor(CursorPagination):
    """Entries in the order of their chain, the newest first."""

    ordering = "-position"
    page_size_query_param = "page_size"
    max_page_size = 200


class Entries(Remembered[Entry], Rows[Entry]):
    """Entries of the books that the reader sees."""

    queryset = Entry.objects.none()
    serializer_class = EntryOut
    pagination_class = PositionCursor
    asks = EntriesAsked
    needs = frozenset({Right.SEE_LEDGER})

    def get_queryset(self) -> QuerySet[Entry]:
        """Return what this user may see."""
        asked = self.asked()
        books, _ = books_for(self.request.user, asked.pop("books", ""))
        names = {"since": "posted_on__gte", "until": "posted_on__lte", "journal": "journal"}
        found = queries.entries(books).select_related("organisation", "reverses")
        return found.filter(**{names[name]: value for name, value in asked.items()})

    def get_object(self) -> Entry:
        """Return one entry."""
        return entry_for(self.request.user, self.kwargs["reference"], right=Right.SEE_LEDGER)

    @extend_schema(request=EntryIn, responses={201: EntryOut}, parameters=[KEY_HEADER])
    def create(self, request: Request) -> Response:
        """Post an entry by hand; the same key again is the same entry."""
        key, asked = idempotency_key(request)[:60], filled(EntryIn, request)
        books = _kept(request, asked["books"])
        legs = [
            by_hand.Leg(one["account"], one["minor"], one["item"], one["due_on"])
            for one in asked["legs"]
        ]
        facts = {"description": asked["description"], "on": asked["posted_on"]}
        typed = by_hand.Typed(
            key=key, currency=check_currency(asked["currency"]), legs=legs, **facts
        )
        made = by_hand.post_by_hand(books, typed, at=now(), by=who(request))
        return Response(EntryOut(made).data, status=201)

    @extend_schema(request=ReverseIn, responses={201: EntryOut})
    @action(detail=True, methods=["post"])
    def reverse(self, request: Request, reference: str) -> Response:
        """Take back an entry that was booked by hand, by its negative; once."""
        entry = entry_for(request.user, reference, right=Right.KEEP_BOOKS)
        asked = filled(ReverseIn, request)
        made = by_hand.reverse_by_hand(entry, at=now(), by=who(request), **asked)
        return Response(EntryOut(made).data, status=201)


def _kept(request: Request, name: str) -> Organisation:
    books, _ = books_for(request.user, name)
    require(request.user, books, Right.KEEP_BOOKS)
    return books
