"""Invoices and credit notes as JSON: list, look, explain, fetch the documents, issue, correct."""

import csv
from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from billing.documents.queries import pdf_of, xml_of
from billing.invoicing import credits, queries, services
from billing.invoicing.access import invoice_for
from billing.invoicing.models import Invoice, InvoiceLine
from billing.invoicing.states import Kind, State
from erp.base.api import KEY_HEADER, LARGEST, filled, idempotency_key, who
from erp.base.doors import now
from erp.base.exports import Echo, harmless
from erp.base.money import Amount
from erp.base.rows import Remembered, Rows, paged
from erp.contracts.access import contract_for
from erp.customers.states import Right

_AT_LINE = "lines/(?P<position>[0-9]{1,6})"
POSITION = OpenApiParameter("position", int, "path", description="The number of the line.")
_COLUMNS = (
    "position", "description", "quantity", "unit", "unit_price", "net", "currency", "tax_rate",
    "starts_at", "ends_at",
)  # fmt: skip


def _file_of(kind: str, words: str) -> dict[tuple[int, str], OpenApiResponse]:
    return {(200, kind): OpenApiResponse(OpenApiTypes.BINARY, description=words)}


class TaxOut(serializers.Serializer[Any]):
    """One row of the breakdown of tax."""

    category = serializers.CharField()
    rate = serializers.CharField()
    net_minor = serializers.IntegerField()
    tax_minor = serializers.IntegerField()


class InvoiceOut(serializers.ModelSerializer[Invoice]):
    """An invoice or a credit note, whose amounts are positive and reduce what it corrects."""

    organisation = serializers.CharField(source="organisation.reference", read_only=True)
    customer = serializers.CharField(source="organisation.name", read_only=True)
    issuer = serializers.CharField(source="issuer.reference", read_only=True)
    service = serializers.CharField(source="contract.reference", read_only=True)
    kind = serializers.CharField(read_only=True)
    corrects = serializers.CharField(source="corrects.reference", read_only=True, allow_null=True)
    replaces = serializers.CharField(source="replaces.reference", read_only=True, allow_null=True)
    open_minor = serializers.IntegerField(read_only=True)
    taxes = TaxOut(many=True, read_only=True)

    class Meta:
        model = Invoice
        fields = (
            "reference", "number", "kind", "organisation", "customer", "issuer", "service", "state",
            "state_since", "state_reason", "period_start_at", "period_end_at", "issued_on",
            "due_on", "currency", "net_minor", "tax_minor", "total_minor", "paid_minor",
            "credited_minor", "open_minor", "taxes", "corrects", "replaces", "reason",
        )  # fmt: skip
        read_only_fields = fields


class InvoiceLineOut(serializers.ModelSerializer[InvoiceLine]):
    """One line as printed."""

    class Meta:
        model = InvoiceLine
        fields = (
            "position", "description", "quantity", "unit", "unit_price", "net_minor",
            "tax_category", "tax_rate", "starts_at", "ends_at", "corrects_number",
        )  # fmt: skip
        read_only_fields = fields


class SampleOut(serializers.Serializer[Any]):
    """One reading behind a metered line."""

    key = serializers.CharField()
    quantity = serializers.CharField()
    unit = serializers.CharField()
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    node = serializers.CharField()
    instance = serializers.CharField()


class ExplanationOut(serializers.Serializer[Any]):
    """What a line rests on: its rating run, what was used and included, the newest samples."""

    line = InvoiceLineOut()
    rating_run = serializers.CharField(source="rated.run.reference")
    rated_at = serializers.DateTimeField(source="rated.run.rated_at")
    cut_off_at = serializers.DateTimeField(source="rated.run.cut_off_at")
    kind = serializers.CharField(source="rated.kind")
    meter = serializers.CharField(source="rated.meter")
    terms = serializers.DictField(source="rated.terms")
    used_quantity = serializers.CharField(source="rated.used_quantity", allow_null=True)
    included_quantity = serializers.CharField(source="rated.included_quantity")
    evidence = serializers.DictField(source="rated.evidence")
    samples = SampleOut(many=True)
    are_all_samples = serializers.BooleanField()


class ChangeOut(serializers.Serializer[Any]):
    """How one thing changed; both effects add up to what it costs more."""

    description = serializers.CharField()
    reason = serializers.CharField()
    minor = serializers.IntegerField()
    quantity_minor = serializers.IntegerField()
    price_minor = serializers.IntegerField()


class ComparedOut(serializers.Serializer[Any]):
    """Why an invoice is not what the one before it was."""

    before = serializers.CharField(allow_null=True, help_text="The invoice before: V-…")
    difference_minor = serializers.IntegerField()
    changes = ChangeOut(many=True)


class DiscardIn(serializers.Serializer[Any]):
    """Why a draft is thrown away."""

    why = serializers.CharField(max_length=300)


class PartIn(serializers.Serializer[Any]):
    """So much of one line: a quantity or a net amount; all that is left where neither is sent."""

    position = serializers.IntegerField(min_value=1, max_value=999_999)
    quantity = serializers.DecimalField(
        max_digits=24, decimal_places=9, min_value=0, required=False, allow_null=True
    )
    net_minor = serializers.IntegerField(
        min_value=1, max_value=LARGEST, required=False, allow_null=True
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Take one of the two."""
        if attrs.get("quantity") and attrs.get("net_minor"):
            raise serializers.ValidationError("Send a quantity or a net amount, not both.")
        return attrs


class CreditIn(serializers.Serializer[Any]):
    """What is credited: all that is left where no parts are named."""

    why = serializers.CharField(max_length=300, help_text="Printed: the buyer reads it.")
    parts = PartIn(many=True, required=False)
    is_issued_anew = serializers.BooleanField(
        required=False, default=False, help_text="Credit all and issue it with the facts of today."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """What is issued anew was credited as a whole."""
        if attrs["is_issued_anew"] and attrs.get("parts"):
            raise serializers.ValidationError("Only a whole invoice is issued anew.")
        return attrs


class InvoicesAsked(serializers.Serializer[Any]):
    """What a list of invoices may be asked for."""

    state = serializers.ChoiceField(required=False, choices=State.choices)
    kind = serializers.ChoiceField(required=False, choices=Kind.choices)
    organisation = serializers.CharField(required=False, max_length=12)
    service = serializers.CharField(required=False, max_length=12)
    q = serializers.CharField(required=False, max_length=100, help_text="Number, name, reference.")


class Invoices(Remembered[Invoice], Rows[Invoice]):
    """Invoices and credit notes; a draft is seen only by who bills for its issuer."""

    queryset = Invoice.objects.none()
    serializer_class = InvoiceOut
    asks = InvoicesAsked
    needs = frozenset({Right.SEE_INVOICES, Right.RUN_BILLING})

    def get_queryset(self) -> QuerySet[Invoice]:
        """Return what this user may see."""
        asked, names = self.asked(), {"organisation": "organisation", "service": "contract"}
        of = {f"{names[name]}__reference": asked.pop(name) for name in names if name in asked}
        kind = {"kind": asked.pop("kind")} if "kind" in asked else {}
        state, text = asked.get("state", ""), asked.get("q", "")
        return queries.listed(self.request.user, state=state, text=text).filter(**of, **kind)

    def get_object(self) -> Invoice:
        """Return one invoice."""
        return invoice_for(self.request.user, self.kwargs["reference"], right=Right.SEE_INVOICES)

    def _billed(self) -> Invoice:
        return invoice_for(self.request.user, self.kwargs["reference"], right=Right.RUN_BILLING)

    @extend_schema(responses=InvoiceLineOut(many=True))
    @action(detail=True, methods=["get"])
    def lines(self, request: Request, reference: str) -> Response:
        """Return the lines as printed."""
        return paged(self, self.get_object().lines.all(), InvoiceLineOut)

    @extend_schema(responses=ExplanationOut, parameters=[POSITION])
    @action(detail=True, methods=["get"], url_path=_AT_LINE, url_name="line")
    def line(self, request: Request, reference: str, position: str) -> Response:
        """Explain one line, link by link."""
        lines = self.get_object().lines.select_related("rated_line__run")
        found = get_object_or_404(lines, position=int(position))
        samples = queries.samples_of(found)
        facts = {
            "line": found,
            "rated": found.rated_line,
            "samples": samples,
            "are_all_samples": len(samples) < queries.MOST_SAMPLES,
        }
        return Response(ExplanationOut(facts).data)

    @extend_schema(responses=ComparedOut)
    @action(detail=True, methods=["get"])
    def changes(self, request: Request, reference: str) -> Response:
        """Explain why the invoice is not what the one before it was."""
        invoice = self.get_object()
        before = queries.before(request.user, invoice)
        facts = {
            "before": before.reference if before else None,
            "difference_minor": invoice.net_minor - before.net_minor if before else 0,
            "changes": queries.changed(invoice, before) if before else [],
        }
        return Response(ComparedOut(facts).data)

    @extend_schema(responses=_file_of("application/pdf", "PDF/A-3 with the e-invoice inside."))
    @action(detail=True, methods=["get"])
    def pdf(self, request: Request, reference: str) -> HttpResponseBase:
        """Send the stored document."""
        return self._document("pdf")

    @extend_schema(responses=_file_of("application/xml", "The e-invoice (EN 16931)."))
    @action(detail=True, methods=["get"])
    def xml(self, request: Request, reference: str) -> HttpResponseBase:
        """Send the stored e-invoice."""
        return self._document("xml")

    def _document(self, kind: str) -> HttpResponseBase:
        invoice = self.get_object()
        if invoice.document is None:
            raise services.NotIssued
        content = pdf_of(invoice.document) if kind == "pdf" else xml_of(invoice.document)
        return _named(HttpResponse(content, content_type=f"application/{kind}"), invoice, kind)

    @extend_schema(responses=_file_of("text/csv", "The lines, one a row."))
    @action(detail=True, methods=["get"])
    def csv(self, request: Request, reference: str) -> HttpResponseBase:
        """Stream the lines as CSV."""
        invoice = self.get_object()
        kind = "text/csv; charset=utf-8"
        answer = StreamingHttpResponse(_csv(invoice), content_type=kind)
        return _named(answer, invoice, "csv")

    @extend_schema(request=None, responses=InvoiceOut)
    @action(detail=True, methods=["post"])
    def issue(self, request: Request, reference: str) -> Response:
        """Issue a draft; asking again finds it issued."""
        services.issue(self._billed(), at=now(), by=who(request))
        return Response(InvoiceOut(self._billed()).data)

    @extend_schema(request=DiscardIn, responses=InvoiceOut)
    @action(detail=True, methods=["post"])
    def discard(self, request: Request, reference: str) -> Response:
        """Throw a draft away, with a reason: the next run makes it anew."""
        invoice = self._billed()
        services.discard(invoice, at=now(), by=who(request), **filled(DiscardIn, request))
        return Response(InvoiceOut(invoice).data)

    @extend_schema(request=CreditIn, responses={201: InvoiceOut}, parameters=[KEY_HEADER])
    @action(detail=True, methods=["post"])
    def credit(self, request: Request, reference: str) -> Response:
        """Issue a credit note; the same key again is the same one.

        The answer is the credit note, or what replaces the invoice where it was issued anew.
        """
        invoice, key = self._billed(), idempotency_key(request)[:40]
        asked, by = filled(CreditIn, request), who(request)
        if asked["is_issued_anew"]:
            _, made = credits.issue_anew(invoice, key=key, why=asked["why"], at=now(), by=by)
        else:
            parts = tuple(credits.Part(**part) for part in asked.get("parts", ()))
            wish = credits.Wish(key, asked["why"], parts)
            made = credits.credit(invoice, wish, at=now(), by=by)
        shown = invoice_for(request.user, made.reference, right=Right.RUN_BILLING)
        return Response(InvoiceOut(shown).data, status=201)


def _named(answer: HttpResponseBase, invoice: Invoice, kind: str) -> HttpResponseBase:
    name = f"{invoice.number or invoice.reference}.{kind}"
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def _csv(invoice: Invoice) -> Iterator[str]:
    writer = csv.writer(Echo())
    yield writer.writerow(_COLUMNS)
    for one in invoice.lines.order_by("position").iterator(chunk_size=500):
        net = Amount(one.net_minor, invoice.currency).decimal()
        facts = [one.position, harmless(one.description), one.quantity, one.unit, one.unit_price]
        times = [one.starts_at.isoformat(), one.ends_at.isoformat()]
        yield writer.writerow([*facts, net, invoice.currency, one.tax_rate, *times])


class ChargeOut(serializers.Serializer[Any]):
    """One charge that is not billed yet."""

    description = serializers.CharField()
    quantity = serializers.CharField()
    unit = serializers.CharField()
    unit_price = serializers.CharField()
    minor = serializers.IntegerField()


class CostOut(serializers.Serializer[Any]):
    """What a service would be billed now, without tax; or why nobody can tell yet."""

    currency = serializers.CharField()
    starts_at = serializers.DateTimeField(source="period.start", allow_null=True)
    ends_at = serializers.DateTimeField(source="period.end", allow_null=True)
    total_minor = serializers.IntegerField()
    reason = serializers.CharField()
    charges = ChargeOut(many=True)


class Costs(viewsets.GenericViewSet[Any]):
    """What services cost so far."""

    serializer_class = CostOut
    lookup_field = "reference"

    @extend_schema(
        responses=CostOut, parameters=[OpenApiParameter("reference", str, "path")]
    )  # fmt: skip
    def retrieve(self, request: Request, reference: str) -> Response:
        """Price what is not billed yet of one service (C-…) with the engine that will bill it."""
        contract = contract_for(request.user, reference, right=Right.SEE_INVOICES)
        cost = queries.cost_so_far(contract, at=now())
        facts = {
            "currency": contract.currency,
            "period": cost.period,
            "total_minor": cost.total_minor,
            "reason": cost.reason,
            "charges": cost.charges,
        }
        return Response(CostOut(facts).data)
