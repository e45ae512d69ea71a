"""Payments as JSON: what came in, what it paid, what went out again; and a customer's balance."""

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from billing.invoicing.access import invoice_for
from billing.payments import credit, queries, services
from billing.payments.access import receipt_for
from billing.payments.balance import balances
from billing.payments.models import (
    NOT_MONEY,
    Method,
    Payout,
    PayoutKind,
    Receipt,
)
from erp.base.api import KEY_HEADER, LARGEST, filled, idempotency_key, rights_anywhere, who
from erp.base.doors import now
from erp.base.rows import Remembered, Rows, paged
from erp.customers.access import organisation_for
from erp.customers.states import Right


class AllocationOut(serializers.Serializer[Any]):
    """So much of the money pays this invoice."""

    invoice = serializers.CharField(source="invoice.reference")
    number = serializers.CharField(source="invoice.number")
    minor = serializers.IntegerField()


class PaymentOut(serializers.ModelSerializer[Receipt]):
    """Money that came in; what is neither allocated nor paid out is the payer's credit."""

    organisation = serializers.CharField(source="organisation.reference", read_only=True)
    issuer = serializers.CharField(source="issuer.reference", read_only=True)
    method = serializers.CharField(read_only=True)
    credit_minor = serializers.IntegerField(read_only=True)
    shares = serializers.SerializerMethodField()

    class Meta:
        model = Receipt
        fields = (
            "reference", "organisation", "issuer", "method", "amount_minor", "allocated_minor",
            "paid_out_minor", "credit_minor", "currency", "received_on", "bank_reference",
            "recorded_at", "recorded_by", "shares",
        )  # fmt: skip
        read_only_fields = fields

    @extend_schema_field(AllocationOut(many=True))
    def get_shares(self, receipt: Receipt) -> Any:
        """Return what it pays now."""
        standing = [one for one in receipt.allocations.all() if one.undone_at is None]
        return AllocationOut(standing, many=True).data


class PaymentIn(serializers.Serializer[Any]):
    """Money that pays one invoice."""

    invoice = serializers.CharField(max_length=12, help_text="V-…")
    minor = serializers.IntegerField(min_value=1, max_value=LARGEST)
    received_on = serializers.DateField()
    method = serializers.ChoiceField(
        choices=[one.value for one in Method if one not in NOT_MONEY],
        required=False,
        default=Method.TRANSFER.value,
    )
    bank_reference = serializers.CharField(
        max_length=140, required=False, allow_blank=True, default=""
    )


class AllocateIn(serializers.Serializer[Any]):
    """Credit of a payment pays another invoice."""

    invoice = serializers.CharField(max_length=12, help_text="V-…")
    minor = serializers.IntegerField(min_value=1, max_value=LARGEST)


class TakeOffIn(serializers.Serializer[Any]):
    """A payment is taken off an invoice, which is open again."""

    invoice = serializers.CharField(max_length=12, help_text="V-…")
    why = serializers.CharField(max_length=200)


class OutIn(serializers.Serializer[Any]):
    """Money of a payment went out again."""

    minor = serializers.IntegerField(min_value=1, max_value=LARGEST)
    paid_on = serializers.DateField()
    why = serializers.CharField(max_length=200)


class PayoutOut(serializers.ModelSerializer[Payout]):
    """Money that went out again."""

    kind = serializers.CharField(read_only=True)

    class Meta:
        model = Payout
        fields = ("reference", "kind", "minor", "paid_on", "why", "recorded_at", "recorded_by")
        read_only_fields = fields


class PaymentsAsked(serializers.Serializer[Any]):
    """What a list of payments may be asked for."""

    organisation = serializers.CharField(required=False, max_length=12)


class Payments(Remembered[Receipt], Rows[Receipt]):
    """Payments: who bills for the issuer records them, the payer reads them."""

    queryset = Receipt.objects.none()
    serializer_class = PaymentOut
    asks = PaymentsAsked
    needs = frozenset({Right.PAY, Right.RUN_BILLING})

    def get_queryset(self) -> QuerySet[Receipt]:
        """Return what this user may see."""
        asked, found = self.asked(), queries.listed(self.request.user)
        if "organisation" in asked:
            found = found.filter(organisation__reference=asked["organisation"])
        return found

    def get_object(self) -> Receipt:
        """Return one payment."""
        is_biller = Right.RUN_BILLING in rights_anywhere(self.request)
        right = Right.RUN_BILLING if is_biller else Right.PAY
        return receipt_for(self.request.user, self.kwargs["reference"], right=right)

    def _billed(self) -> Receipt:
        return receipt_for(self.request.user, self.kwargs["reference"], right=Right.RUN_BILLING)

    @extend_schema(request=PaymentIn, responses={201: PaymentOut}, parameters=[KEY_HEADER])
    def create(self, request: Request) -> Response:
        """Record a payment of one invoice; the same key again is the same payment."""
        key, asked = idempotency_key(request), filled(PaymentIn, request)
        name, method = asked.pop("invoice"), Method(asked.pop("method"))
        invoice = invoice_for(request.user, name, right=Right.RUN_BILLING)
        money = services.Money(key=key, method=method, **asked)
        made = services.record_payment(invoice, money, at=now(), by=who(request))
        return Response(PaymentOut(made).data, status=201)

    @extend_schema(request=AllocateIn, responses=PaymentOut)
    @action(detail=True, methods=["post"])
    def allocate(self, request: Request, reference: str) -> Response:
        """Pay an invoice with what a payment has left."""
        receipt, asked = self._billed(), filled(AllocateIn, request)
        invoice = invoice_for(request.user, asked["invoice"], right=Right.RUN_BILLING)
        credit.allocate(receipt, invoice, asked["minor"], at=now(), by=who(request))
        return Response(PaymentOut(self._billed()).data)

    @extend_schema(request=TakeOffIn, responses=PaymentOut)
    @action(detail=True, methods=["post"], url_path="take-off")
    def take_off(self, request: Request, reference: str) -> Response:
        """Take a payment off an invoice; the money stays as credit."""
        standing = queries.allocations_of(self._billed()).filter(undone_at=None)
        asked = filled(TakeOffIn, request)
        made = get_object_or_404(standing, invoice__reference=asked["invoice"])
        credit.undo(made, at=now(), by=who(request), why=asked["why"])
        return Response(PaymentOut(self._billed()).data)

    @extend_schema(responses=PayoutOut(many=True))
    @action(detail=True, methods=["get"])
    def payouts(self, request: Request, reference: str) -> Response:
        """Return what of a payment went out again."""
        return paged(self, queries.payouts_of(self.get_object()), PayoutOut)

    @extend_schema(request=OutIn, responses={201: PayoutOut}, parameters=[KEY_HEADER])
    @action(detail=True, methods=["post"])
    def refund(self, request: Request, reference: str) -> Response:
        """Record that credit of a payment went back to its payer; once per key."""
        receipt, out = self._billed(), self._out(PayoutKind.REFUND)
        made = credit.pay_out(receipt, out, at=now(), by=who(request))
        return Response(PayoutOut(made).data, status=201)

    @extend_schema(request=OutIn, responses={201: PayoutOut}, parameters=[KEY_HEADER])
    @action(detail=True, methods=["post"], url_path="take-back")
    def take_back(self, request: Request, reference: str) -> Response:
        """Record that the bank took a payment back: what it paid is open again; once per key."""
        receipt, out = self._billed(), self._out(PayoutKind.RETURNED)
        made = credit.take_back(receipt, out, at=now(), by=who(request))
        return Response(PayoutOut(made).data, status=201)

    def _out(self, kind: PayoutKind) -> credit.Out:
        key = idempotency_key(self.request)
        return credit.Out(key=key, kind=kind, **filled(OutIn, self.request))


class BalanceOut(serializers.Serializer[Any]):
    """What a customer owes in one currency, and what it has left."""

    currency = serializers.CharField()
    open_minor = serializers.IntegerField(help_text="Issued and neither paid nor credited.")
    overdue_minor = serializers.IntegerField()
    fees_minor = serializers.IntegerField(help_text="Fees that are not paid.")
    credit_minor = serializers.IntegerField(help_text="Came in, and pays nothing yet.")
    balance_minor = serializers.IntegerField(
        help_text="Open and fees less credit: above zero is owed."
    )


class Balances(viewsets.GenericViewSet[Any]):
    """What customers owe."""

    serializer_class = BalanceOut
    lookup_field = "reference"
    pagination_class = None

    @extend_schema(
        responses=BalanceOut(many=True), parameters=[OpenApiParameter("reference", str, "path")]
    )
    def retrieve(self, request: Request, reference: str) -> Response:
        """Return what one organisation (O-…) owes and has left, a row per currency."""
        found = organisation_for(request.user, reference, right=Right.SEE_INVOICES)
        rows = balances(found, on=now().date())
        return Response(BalanceOut(rows, many=True).data)
