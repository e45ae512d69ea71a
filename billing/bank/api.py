"""The bank as JSON: import files, look at movements with what they may pay, say what each is."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from billing.bank import matching, queries, services
from billing.bank.access import account_holder_for, file_for, item_for
from billing.bank.forms import BackForm, CreditForm, NumbersForm
from billing.bank.models import BankFile, BankItem, BankStatement
from billing.bank.statement import MOST_BYTES, BadFile
from billing.bank.states import State
from erp.base.api import cleaned, filled, who
from erp.base.doors import now
from erp.base.files import OCTETS, body_of, bytes_up_to
from erp.base.rows import Remembered, Rows, paged
from erp.customers.access import require
from erp.customers.states import Right

BOOKS = OpenApiParameter("books", str, description="Whose account: O-…; the first if empty.")
NAME = OpenApiParameter("name", str, description="How the file is called.")


class StatementOut(serializers.ModelSerializer[BankStatement]):
    """The statement of one account in a file."""

    class Meta:
        model = BankStatement
        fields = (
            "account", "currency", "number", "opening_minor", "closing_minor", "closing_on",
            "warning",
        )  # fmt: skip
        read_only_fields = fields


class BankFileOut(serializers.ModelSerializer[BankFile]):
    """A file of a bank; the same bytes again are the same file."""

    books = serializers.CharField(source="organisation.reference", read_only=True)

    class Meta:
        model = BankFile
        fields = (
            "reference", "books", "name", "format", "sha256", "lines", "new_lines", "imported_at",
            "imported_by",
        )  # fmt: skip
        read_only_fields = fields


class BooksAsked(serializers.Serializer[Any]):
    """What a list of files may be asked for."""

    books = serializers.CharField(required=False, max_length=12, help_text="Whose account: O-…")


class BankFiles(Rows[BankFile]):
    """Files of banks, for who bills for the holder of the account."""

    queryset = BankFile.objects.none()
    serializer_class = BankFileOut
    asks = BooksAsked
    needs = frozenset({Right.RUN_BILLING})

    def get_queryset(self) -> QuerySet[BankFile]:
        """Return what this user may see."""
        books, _ = account_holder_for(self.request.user, self.asked().get("books", ""))
        return queries.files(books).select_related("organisation")

    def get_object(self) -> BankFile:
        """Return one file."""
        return file_for(self.request.user, self.kwargs["reference"])

    @extend_schema(
        request={OCTETS: OpenApiTypes.BINARY},
        responses={201: BankFileOut, 200: BankFileOut},
        parameters=[BOOKS, NAME],
    )
    @action(
        detail=False, methods=["post"], url_path="import", parser_classes=[bytes_up_to(MOST_BYTES)]
    )
    def import_file(self, request: Request) -> HttpResponse:
        """Import camt.053, camt.054, MT940, OFX or CFONB 120; 200 where it was imported before."""
        books, _ = account_holder_for(request.user, request.query_params.get("books", "")[:12])
        name = request.query_params.get("name", "file")[:120]
        content = body_of(request)
        if len(content) > MOST_BYTES:
            raise BadFile(f"At most {MOST_BYTES // 1_000_000} MB: take fewer days.")
        made, is_new = services.import_file(books, name, content, at=now(), by=who(request))
        return Response(BankFileOut(made).data, status=201 if is_new else 200)

    @extend_schema(responses=StatementOut(many=True))
    @action(detail=True, methods=["get"])
    def statements(self, request: Request, reference: str) -> Response:
        """Return the statements of a file with their balances and what was odd."""
        return paged(self, queries.statements_of(self.get_object()), StatementOut)


class ProposedShareOut(serializers.Serializer[Any]):
    """So much for this invoice."""

    invoice = serializers.CharField()
    number = serializers.CharField()
    minor = serializers.IntegerField()


class ProposalOut(serializers.Serializer[Any]):
    """What a movement may pay, with the reasons."""

    is_sure = serializers.BooleanField()
    score = serializers.IntegerField()
    reasons = serializers.ListField(child=serializers.CharField())
    shares = ProposedShareOut(many=True)


class MovementOut(serializers.ModelSerializer[BankItem]):
    """One movement on the account: what came in is positive."""

    books = serializers.CharField(source="organisation.reference", read_only=True)
    payment = serializers.CharField(source="receipt.reference", read_only=True, allow_null=True)
    payout = serializers.CharField(source="payout.reference", read_only=True, allow_null=True)

    class Meta:
        model = BankItem
        fields = (
            "reference", "books", "booked_on", "value_on", "minor", "currency", "text", "name",
            "iban", "end_to_end", "return_code", "state", "state_since", "state_reason", "payment",
            "payout",
        )  # fmt: skip
        read_only_fields = fields


class MovementsAsked(BooksAsked):
    """What a list of movements may be asked for."""

    state = serializers.ChoiceField(required=False, choices=State.choices)


class NumbersIn(serializers.Serializer[Any]):
    """Invoices by their numbers: paid in this order, the rest is credit."""

    numbers = serializers.ListField(
        child=serializers.CharField(max_length=20), min_length=1, max_length=100
    )


class CustomerIn(serializers.Serializer[Any]):
    """All of it is credit of a customer."""

    customer = serializers.CharField(max_length=12, help_text="O-…")


class BackIn(serializers.Serializer[Any]):
    """Which payment went back."""

    payment = serializers.CharField(max_length=12, help_text="R-…")


class MovementWhyIn(serializers.Serializer[Any]):
    """A reason."""

    why = serializers.CharField(max_length=200)


class Movements(Remembered[BankItem], Rows[BankItem]):
    """Movements on the accounts of sellers."""

    queryset = BankItem.objects.none()
    serializer_class = MovementOut
    asks = MovementsAsked
    needs = frozenset({Right.RUN_BILLING})

    def get_queryset(self) -> QuerySet[BankItem]:
        """Return what this user may see."""
        asked = self.asked()
        books, _ = account_holder_for(self.request.user, asked.get("books", ""))
        return queries.items(books, state=asked.get("state", "")).select_related(
            "organisation", "receipt", "payout"
        )

    def get_object(self) -> BankItem:
        """Return one movement."""
        return item_for(self.request.user, self.kwargs["reference"])

    @extend_schema(responses=ProposalOut(many=True))
    @action(detail=True, methods=["get"], pagination_class=None)
    def proposals(self, request: Request, reference: str) -> Response:
        """Return what an open movement may pay, the likeliest first."""
        item = self.get_object()
        found = queries.proposed(item.organisation, [item]).get(item.pk, [])
        return Response(ProposalOut([_proposal(one) for one in found], many=True).data)

    @extend_schema(request=NumbersIn, responses=MovementOut)
    @action(detail=True, methods=["post"])
    def pay(self, request: Request, reference: str) -> Response:
        """Say which invoices it pays."""
        item, asked = self.get_object(), filled(NumbersIn, request)
        typed = cleaned(NumbersForm(item, {"numbers": " ".join(asked["numbers"])}))
        matching.accept(item, typed["payer"], typed["shares"], at=now(), by=who(request))
        return self._answer()

    @extend_schema(request=CustomerIn, responses=MovementOut)
    @action(detail=True, methods=["post"])
    def credit(self, request: Request, reference: str) -> Response:
        """Say that it is credit of a customer."""
        item = self.get_object()
        payer = cleaned(CreditForm(item, filled(CustomerIn, request)))["customer"]
        matching.accept(item, payer, {}, at=now(), by=who(request))
        return self._answer()

    @extend_schema(request=BackIn, responses=MovementOut)
    @action(detail=True, methods=["post"])
    def back(self, request: Request, reference: str) -> Response:
        """Say that it took a payment back, or refunded it."""
        item = self.get_object()
        form = BackForm(item, {"receipt": filled(BackIn, request)["payment"]})
        matching.went_back(item, cleaned(form)["receipt"], at=now(), by=who(request))
        return self._answer()

    @extend_schema(request=MovementWhyIn, responses=MovementOut)
    @action(detail=True, methods=["post"])
    def charge(self, request: Request, reference: str) -> Response:
        """Book it as charges of the bank; for who keeps the books."""
        item = self.get_object()
        require(request.user, item.organisation, Right.KEEP_BOOKS)
        matching.book_charge(item, at=now(), by=who(request), **filled(MovementWhyIn, request))
        return self._answer()

    @extend_schema(request=MovementWhyIn, responses=MovementOut)
    @action(detail=True, methods=["post"])
    def aside(self, request: Request, reference: str) -> Response:
        """Say that it is nothing of ours."""
        matching.set_aside(
            self.get_object(), at=now(), by=who(request), **filled(MovementWhyIn, request)
        )
        return self._answer()

    @extend_schema(request=MovementWhyIn, responses=MovementOut)
    @action(detail=True, methods=["post"])
    def undo(self, request: Request, reference: str) -> Response:
        """Take back what was said of it."""
        matching.undo(
            self.get_object(), at=now(), by=who(request), **filled(MovementWhyIn, request)
        )
        return self._answer()

    def _answer(self) -> Response:
        return Response(MovementOut(self.get_object()).data)


def _proposal(one: queries.Shown) -> dict[str, Any]:
    shares = [
        {"invoice": invoice.reference, "number": invoice.number, "minor": minor}
        for invoice, minor in one.shares
    ]
    facts = {"is_sure": one.proposal.is_sure, "score": one.proposal.score}
    return facts | {"reasons": one.proposal.reasons, "shares": shares}
