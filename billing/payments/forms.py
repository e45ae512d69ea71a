"""What an accountant types when money came in."""

from decimal import Decimal
from typing import Any

from django import forms

from billing.invoicing.models import Invoice
from billing.payments.models import Method
from billing.payments.services import Money
from erp.base.identifiers import reference
from erp.base.money import Amount, exponent


def new_key() -> str:
    """Return a key for one payment form: sent twice, it is one payment."""
    return reference("K")


class PaymentForm(forms.Form):
    """One payment of one invoice; the amount is what is open unless it is changed."""

    key = forms.RegexField(r"^K-[0-9A-Z]{8}$", initial=new_key, widget=forms.HiddenInput())
    amount = forms.DecimalField(max_digits=18, min_value=Decimal("0.001"))
    received_on = forms.DateField(
        label="Received on", widget=forms.DateInput(attrs={"type": "date"})
    )
    method = forms.ChoiceField(choices=Method.choices)
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
        minor = Decimal(self.cleaned_data["amount"]).scaleb(exponent(self.invoice.currency))
        if minor != int(minor):
            raise forms.ValidationError(f"{self.invoice.currency} has fewer decimals than that.")
        return int(minor)

    def money(self) -> Money:
        """Return what was typed."""
        typed = dict(self.cleaned_data)
        typed["minor"], typed["method"] = typed.pop("amount"), Method(typed["method"])
        return Money(**typed)
