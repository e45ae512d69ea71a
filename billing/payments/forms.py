"""What an accountant types when money came in."""

from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django import forms

from billing.invoicing.models import Invoice
from billing.payments import queries
from billing.payments.credit import Out
from billing.payments.models import (
    BY_HAND,
    NOT_MONEY,
    Fee,
    Method,
    PaymentAllocation,
    PayoutKind,
    Receipt,
)
from billing.payments.services import Money
from erp.base.identifiers import reference
from erp.base.money import Amount, exponent
from erp.customers.models import Organisation


def new_key() -> str:
    """Return a key for one payment form: sent twice, it is one payment."""
    return reference("K")


def in_minor(amount: Decimal, currency: str) -> int:
    """Return minor units.

    Raises:
        ValidationError: there are more decimals than the currency has.
    """
    minor = amount.scaleb(exponent(currency))
    if minor != int(minor):
        raise forms.ValidationError(f"{currency} has fewer decimals than that.")
    return int(minor)


class PaymentForm(forms.Form):
    """One payment of one invoice; the amount is what is open unless it is changed."""

    key = forms.RegexField(r"^K-[0-9A-Z]{8}$", initial=new_key, widget=forms.HiddenInput())
    amount = forms.DecimalField(max_digits=18, min_value=Decimal("0.001"))
    received_on = forms.DateField(
        label="Received on", widget=forms.DateInput(attrs={"type": "date"})
    )
    method = forms.ChoiceField(choices=[(one.value, one.label) for one in BY_HAND])
    bank_reference = forms.CharField(
        max_length=140, required=False, help_text="As the bank statement names it."
    )

    def __init__(self, invoice: Invoice, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.invoice = invoice
        self.fields["amount"].label = f"Amount in {invoice.currency}"
        self.fields["amount"].initial = Amount(invoice.open_minor, invoice.currency).decimal()

    def clean_amount(self) -> int:
        """Return minor units; refuse more decimals than the currency has."""
        return in_minor(self.cleaned_data["amount"], self.invoice.currency)

    def money(self) -> Money:
        """Return what was typed."""
        typed = dict(self.cleaned_data)
        typed["minor"], typed["method"] = typed.pop("amount"), Method(typed["method"])
        return Money(**typed)


class TopUpForm(forms.Form):
    """Money that a customer pays in advance; it pays invoices as they are issued."""

    key = forms.RegexField(r"^K-[0-9A-Z]{8}$", initial=new_key, widget=forms.HiddenInput())
    amount = forms.DecimalField(max_digits=18, min_value=Decimal("0.001"))
    received_on = forms.DateField(
        label="Received on", widget=forms.DateInput(attrs={"type": "date"})
    )
    method = forms.ChoiceField(choices=[(one.value, one.label) for one in BY_HAND])
    bank_reference = forms.CharField(
        max_length=140, required=False, help_text="As the bank statement names it."
    )
    valid_until = forms.DateField(
        label="Valid through",
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text="The last day on which it pays invoices. Empty: it does not expire.",
    )

    def __init__(self, payer: Organisation, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.payer = payer
        self.fields["amount"].label = f"Amount in {payer.currency}"

    def clean_amount(self) -> int:
        """Return minor units."""
        return in_minor(self.cleaned_data["amount"], self.payer.currency)

    def money(self) -> Money:
        """Return what was typed of the money."""
        typed = self.cleaned_data
        return Money(
            key=typed["key"],
            minor=typed["amount"],
            received_on=typed["received_on"],
            method=Method(typed["method"]),
            bank_reference=typed["bank_reference"],
        )

    def expires_at(self) -> datetime | None:
        """Return the moment in which the last day is over where the books are kept."""
        last = self.cleaned_data["valid_until"]
        if last is None:
            return None
        seller = self.payer.parent or self.payer
        zone = ZoneInfo(seller.time_zone)
        return datetime.combine(last + timedelta(days=1), time(), tzinfo=zone).astimezone(UTC)


class DifferenceForm(forms.Form):
    """What is still open on an invoice is settled without money, with a reason."""

    key = forms.RegexField(r"^K-[0-9A-Z]{8}$", initial=new_key, widget=forms.HiddenInput())
    method = forms.ChoiceField(
        label="Book it as",
        choices=[(one.value, one.label) for one in Method if one in NOT_MONEY],
    )
    why = forms.CharField(max_length=140, label="Reason")


class ShareForm(forms.Form):
    """Credit of a receipt pays another invoice."""

    invoice = forms.ModelChoiceField(queryset=Invoice.objects.none(), to_field_name="reference")
    amount = forms.DecimalField(max_digits=18, min_value=Decimal("0.001"))

    def __init__(self, receipt: Receipt, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.receipt = receipt
        field = self.fields["invoice"]
        assert isinstance(field, forms.ModelChoiceField), "it is declared so"
        field.queryset = queries.payable_by(receipt)
        self.fields["amount"].label = f"Amount in {receipt.currency}"
        self.fields["amount"].initial = Amount(receipt.credit_minor, receipt.currency).decimal()

    def clean_amount(self) -> int:
        """Return minor units."""
        return in_minor(self.cleaned_data["amount"], self.receipt.currency)


class TakeOffForm(forms.Form):
    """A payment is taken off an invoice."""

    allocation = forms.ModelChoiceField(queryset=PaymentAllocation.objects.none())
    why = forms.CharField(max_length=200, label="Reason")

    def __init__(self, receipt: Receipt, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["allocation"]
        assert isinstance(field, forms.ModelChoiceField), "it is declared so"
        field.queryset = queries.allocations_of(receipt)


class OutForm(forms.Form):
    """Money of a receipt went out again."""

    key = forms.RegexField(r"^K-[0-9A-Z]{8}$", initial=new_key, widget=forms.HiddenInput())
    amount = forms.DecimalField(max_digits=18, min_value=Decimal("0.001"))
    paid_on = forms.DateField(label="On", widget=forms.DateInput(attrs={"type": "date"}))
    why = forms.CharField(max_length=200, label="Reason")

    def __init__(self, receipt: Receipt, kind: PayoutKind, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.receipt, self.kind = receipt, kind
        is_whole = kind == PayoutKind.RETURNED
        minor = receipt.amount_minor - receipt.paid_out_minor if is_whole else receipt.credit_minor
        self.fields["amount"].label = f"Amount in {receipt.currency}"
        self.fields["amount"].initial = Amount(minor, receipt.currency).decimal()

    def clean_amount(self) -> int:
        """Return minor units."""
        return in_minor(self.cleaned_data["amount"], self.receipt.currency)

    def out(self) -> Out:
        """Return what was typed."""
        typed = self.cleaned_data
        return Out(typed["key"], self.kind, typed["amount"], typed["paid_on"], typed["why"])


class FeeForm(forms.Form):
    """Credit of a receipt pays a fee."""

    fee = forms.ModelChoiceField(queryset=Fee.objects.none(), to_field_name="reference")

    def __init__(self, receipt: Receipt, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["fee"]
        assert isinstance(field, forms.ModelChoiceField), "it is declared so"
        field.queryset = queries.fees_payable_by(receipt)


class WaiveForm(forms.Form):
    """A fee is given up, with the reason."""

    why = forms.CharField(max_length=200, label="Reason")
