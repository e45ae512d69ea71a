"""What an accountant types about a draft, and to correct what was issued."""

from decimal import Decimal
from typing import Any

from django import forms

from billing.documents.xml import plain
from billing.invoicing.credits import Part, Wish, left_of
from billing.invoicing.models import Invoice, InvoiceLine
from erp.base.identifiers import reference
from erp.base.money import Amount, exponent


class DiscardForm(forms.Form):
    """Why a draft is thrown away."""

    why = forms.CharField(max_length=300, label="Reason")


def new_key() -> str:
    """Return a key for one form: sent twice, it is one credit note."""
    return reference("K")


class CreditForm(forms.Form):
    """The whole rest, parts of lines, or the whole and the invoice issued anew."""

    key = forms.RegexField(r"^K-[0-9A-Z]{8}$", initial=new_key, widget=forms.HiddenInput())
    extent = forms.ChoiceField(
        label="What to credit",
        choices=[
            ("whole", "All that is left"),
            ("anew", "All of it, and issue the invoice anew with the facts of today"),
            ("parts", "Parts of its lines, as typed below"),
        ],
        initial="whole",
    )
    why = forms.CharField(
        max_length=300, label="Reason", help_text="Printed on the credit note: the buyer reads it."
    )

    def __init__(self, invoice: Invoice, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.invoice = invoice
        left = left_of(invoice)
        self.lines = [one for one in invoice.lines.all() if left[one.position]]
        for line in self.lines:
            self._add(line, Amount(abs(left[line.position]), invoice.currency))

    def _add(self, line: InvoiceLine, left: Amount) -> None:
        """Offer a quantity or an amount of one line; empty leaves the line as it is."""
        self.fields[f"quantity_{line.position}"] = forms.DecimalField(
            label=f"{line.description}: quantity",
            required=False,
            min_value=Decimal(0),
            max_digits=24,
            decimal_places=9,
            help_text=f"At most {plain(abs(line.quantity))} {line.unit}".strip() + ".",
        )
        self.fields[f"amount_{line.position}"] = forms.DecimalField(
            label=f"{line.description}: net amount in {left.currency}",
            required=False,
            min_value=Decimal(0),
            max_digits=18,
            decimal_places=exponent(left.currency),
            help_text=f"At most {left}.",
        )

    def clean(self) -> dict[str, Any]:
        """Ask for a part where parts were chosen, and never for both of one line."""
        cleaned: dict[str, Any] = super().clean() or {}
        for line in self.lines:
            if cleaned.get(f"quantity_{line.position}") and cleaned.get(f"amount_{line.position}"):
                self.add_error(f"amount_{line.position}", "Type a quantity or an amount, not both.")
        if cleaned.get("extent") == "parts" and not self.errors and not self._parts():
            self.add_error("extent", "Type a quantity or an amount of at least one line.")
        return cleaned

    def _parts(self) -> list[Part]:
        scale = exponent(self.invoice.currency)
        found = []
        for line in self.lines:
            quantity = self.cleaned_data.get(f"quantity_{line.position}")
            amount = self.cleaned_data.get(f"amount_{line.position}")
            if quantity:
                found.append(Part(line.position, quantity=quantity))
            elif amount:
                found.append(Part(line.position, net_minor=int(amount.scaleb(scale))))
        return found

    @property
    def is_anew(self) -> bool:
        """Return whether the invoice is to be issued again."""
        return bool(self.cleaned_data["extent"] == "anew")

    def wish(self) -> Wish:
        """Return what was typed; what stands at the lines counts only where parts were chosen."""
        parts = self._parts() if self.cleaned_data["extent"] == "parts" else []
        return Wish(self.cleaned_data["key"], self.cleaned_data["why"], tuple(parts))
