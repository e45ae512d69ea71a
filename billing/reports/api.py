"""Reports as JSON, CSV or XLSX, and the exports for the tax office and the tax adviser."""

from collections.abc import Iterator
from datetime import date
from typing import Any

from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from billing.ledger.access import books_for
from billing.ledger.queries import books_of
from billing.ledger.services import day_in
from billing.reports import accounts, datev, fec, receivables, sales
from billing.reports.files import csv_lines, workbook
from billing.reports.forms import DatevForm
from billing.reports.table import Asked, Table
from erp.base.api import cleaned
from erp.base.doors import now
from erp.base.rows import paged
from erp.customers.models import Organisation

PAGE = 50
MOST = 200
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_NO_EARLIER, _NO_LATER = date(1970, 1, 1), date(2999, 12, 31)
MAKERS = {
    "journal": accounts.journal,
    "trial-balance": accounts.trial_balance,
    "account": accounts.account,
    "aged": receivables.aged,
    "revenue": sales.revenue,
    "tax": sales.tax,
    "deferred": sales.deferred,
}


NAMES = list(MAKERS)


def _day(words: str, **more: Any) -> serializers.DateField:
    return serializers.DateField(help_text=words, **more)


class ReportIn(serializers.Serializer[Any]):
    """What a report may be asked for; not every report uses all of it."""

    since = _day("The first day; this financial year's if empty.", required=False)
    until = _day("The last day, included; today if empty.", required=False)
    currency = serializers.RegexField(r"^[A-Z]{3}$", required=False)
    account = serializers.CharField(
        required=False, default="", max_length=40, help_text="Of “account”; a journal of “journal”."
    )
    basis = serializers.ChoiceField(
        choices=["invoiced", "paid"], required=False, default="invoiced", help_text="Of “tax”."
    )
    after = serializers.CharField(
        required=False, default="", max_length=40, help_text="What `next` of the last page said."
    )
    page_size = serializers.IntegerField(required=False, default=PAGE, min_value=1, max_value=MOST)
    file = serializers.ChoiceField(
        choices=["csv", "xlsx"], required=False, help_text="All of it as a file."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """The last day is not before the first, and the calendar knows both."""
        since, until = attrs.get("since"), attrs.get("until")
        if since and until and until < since:
            raise serializers.ValidationError({"until": ["The last day is before the first."]})
        for name in ("since", "until"):
            if name in attrs and not _NO_EARLIER <= attrs[name] <= _NO_LATER:
                raise serializers.ValidationError({name: ["Between 1970 and 2999."]})
        return attrs


class FecIn(serializers.Serializer[Any]):
    """Which financial year."""

    day = _day("A day of the financial year.")

    def validate_day(self, day: date) -> date:
        """The calendar knows the whole year."""
        if not _NO_EARLIER <= day <= _NO_LATER:
            raise serializers.ValidationError("Between 1970 and 2999.")
        return day


class DatevIn(serializers.Serializer[Any]):
    """Which days, and the numbers of the tax adviser."""

    start = _day("The first day.")
    end = _day("The last day, included.")
    adviser = serializers.IntegerField(min_value=1001, max_value=9_999_999)
    client = serializers.IntegerField(min_value=1, max_value=99_999)


class ColumnOut(serializers.Serializer[Any]):
    """A column; cells of “money” are minor units of the report's currency."""

    label = serializers.CharField()  # type: ignore[assignment]
    kind = serializers.CharField(help_text="text, money, day or count")


class ReportOut(serializers.Serializer[Any]):
    """A report as a table."""

    title = serializers.CharField()
    books = serializers.CharField()
    currency = serializers.CharField()
    columns = ColumnOut(many=True)
    rows = serializers.ListField(child=serializers.ListField(child=serializers.JSONField()))
    total = serializers.ListField(child=serializers.JSONField(), allow_null=True)
    note = serializers.CharField()
    next = serializers.CharField(help_text="Send it as `after`; empty on the last page.")


def _file(kind: str) -> dict[tuple[int, str], OpenApiResponse]:
    return {(200, kind): OpenApiResponse(OpenApiTypes.BINARY)}


class BooksOut(serializers.Serializer[Organisation]):
    """Books that the reader sees: those of a seller."""

    reference = serializers.CharField()
    name = serializers.CharField()
    currency = serializers.CharField()


class Books(viewsets.GenericViewSet[Any]):
    """The books that the reader sees, and their reports."""

    queryset = Organisation.objects.none()
    serializer_class = BooksOut
    lookup_field = "reference"

    @extend_schema(responses=BooksOut(many=True))
    def list(self, request: Request) -> Response:
        """List the sellers whose books the reader sees."""
        found = Organisation.objects.filter(pk__in=[one.pk for one in books_of(request.user)])
        return paged(self, found, BooksOut)

    @extend_schema(
        parameters=[ReportIn, OpenApiParameter("name", str, "path", enum=NAMES)],
        responses={
            (200, "application/json"): ReportOut,
            (200, "text/csv"): OpenApiTypes.BINARY,
            (200, _XLSX): OpenApiTypes.BINARY,
        },
    )
    @action(detail=True, methods=["get"], url_path=f"reports/(?P<name>{'|'.join(MAKERS)})")
    def report(self, request: Request, reference: str, name: str) -> HttpResponseBase:
        """Return one report, page by page, or all of it as a file."""
        books, asked = self._books(), _checked(ReportIn, request)
        table = MAKERS[name](books, _asked(books, asked))
        if "file" in asked:
            return _as_file(table, name, asked["file"])
        return Response(ReportOut(_shown(table, books)).data)

    @extend_schema(parameters=[FecIn], responses=_file("text/plain"))
    @action(detail=True, methods=["get"])
    def fec(self, request: Request, reference: str) -> HttpResponseBase:
        """Send the FEC of a financial year."""
        books, asked = self._books(), _checked(FecIn, request)
        year = accounts.year_of(books, asked["day"])
        name = fec.name_of(books, year)
        fec.check(books, year)
        return _stream(fec.lines(books, year), name, f"text/plain; charset={fec.ENCODING}")

    @extend_schema(parameters=[DatevIn], responses=_file("text/csv"))
    @action(detail=True, methods=["get"])
    def datev(self, request: Request, reference: str) -> HttpResponseBase:
        """Send the DATEV stack of a period."""
        books, asked = self._books(), _checked(DatevIn, request)
        stack = datev.Stack(**cleaned(DatevForm(asked)))
        datev.check(books, stack)
        name = f"EXTF_Buchungsstapel_{stack.start:%Y%m%d}_{stack.end:%Y%m%d}.csv"
        found = datev.lines(books, stack, at=now())
        return _stream(found, name, f"text/csv; charset={datev.ENCODING}")

    def _books(self) -> Organisation:
        return books_for(self.request.user, self.kwargs["reference"])[0]


def _checked(kind: Any, request: Request) -> dict[str, Any]:
    asked = kind(data=request.query_params)
    asked.is_valid(raise_exception=True)
    return dict(asked.validated_data)


def _asked(books: Organisation, asked: dict[str, Any]) -> Asked:
    until = asked.get("until") or day_in(books, now())
    return Asked(
        start=asked.get("since") or accounts.year_of(books, until),
        end=until,
        currency=asked.get("currency") or books.currency,
        account=asked["account"],
        basis=asked["basis"],
        after="" if asked.get("file") else asked["after"],
        limit=None if asked.get("file") else asked["page_size"],
    )


def _shown(table: Table, books: Organisation) -> dict[str, Any]:
    return {
        "title": table.title,
        "books": books.reference,
        "currency": table.currency,
        "columns": table.columns,
        "rows": [row.cells for row in table.rows],
        "total": table.total,
        "note": table.note,
        "next": table.next_after,
    }


def _as_file(table: Table, name: str, wanted: str) -> HttpResponseBase:
    if wanted == "csv":
        return _stream(csv_lines(table), f"{name}.csv", "text/csv; charset=utf-8")
    answer = HttpResponse(workbook(table), content_type=_XLSX)
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}.xlsx"'
    return answer


def _stream(parts: Iterator[Any], name: str, kind: str) -> StreamingHttpResponse:
    answer = StreamingHttpResponse(parts, content_type=kind)
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer
