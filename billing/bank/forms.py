"""What an accountant says about bank files and movements."""

from typing import Any

from django import forms

from billing.bank.models import BankItem
from billing.bank.statement import MOST_BYTES
from billing.invoicing.models import Invoice
from billing.payments.models import Receipt
from billing.payments.services import MOST_SHARES
from billing.sepa.models import SepaRun
from billing.sepa.queries import runs
from erp.customers.models import Organisation


class FileForm(forms.Form):
    """A file of the bank."""

    file = forms.FileField(
        label="Bank file",
        help_text="camt.053, camt.054, MT940, OFX or CFONB 120. The same again changes nothing.",
    )

    def clean_file(self) -> Any:
        """Refuse what is too large before it is read."""
        file = self.cleaned_data["file"]
        if (file.size or 0) > MOST_BYTES:
            raise forms.ValidationError(f"At most {MOST_BYTES // 1_000_000} MB: take fewer days.")
        return file


class _OfItem(forms.Form):
    """About one movement."""

    def __init__(self, item: BankItem, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.item = item

    @property
    def issued(self) -> Any:
        """Return the invoices of the holder of the account."""
        found = Invoice.objects.filter(issuer=self.item.organisation).exclude(number="")
        return found.select_related("organisation")


class AcceptForm(_OfItem):
    """A proposal as the page showed it: references of invoices with what each gets."""

    choice = forms.RegexField(
        r"^V-[0-9A-Z]{8}:\d{1,15}( V-[0-9A-Z]{8}:\d{1,15})*$",
        widget=forms.HiddenInput(),
        max_length=30 * MOST_SHARES,
    )

    def clean(self) -> dict[str, Any]:
        """Find the invoices and their one payer."""
        cleaned: dict[str, Any] = super().clean() or {}
        parts = dict(one.split(":") for one in cleaned.get("choice", "").split())
        found = list(self.issued.filter(reference__in=parts))
        if not found or len(found) != len(parts):
            raise forms.ValidationError("An invoice of this proposal is gone: reload the page.")
        cleaned["payer"] = found[0].organisation
        cleaned["shares"] = {one.pk: int(parts[one.reference]) for one in found}
        return cleaned


class NumbersForm(_OfItem):
    """Invoices by their numbers: filled in this order, the rest becomes credit."""

    numbers = forms.CharField(
        max_length=22 * MOST_SHARES,
        label="Invoice numbers",
        help_text="Separated by spaces. They are paid in this order; the rest becomes credit.",
    )

    def clean(self) -> dict[str, Any]:
        """Find the invoices, and give each what is open while the money lasts."""
        cleaned: dict[str, Any] = super().clean() or {}
        asked = dict.fromkeys(cleaned.get("numbers", "").replace(",", " ").split())
        found = {one.number: one for one in self.issued.filter(number__in=asked)}
        missing = [number for number in asked if number not in found]
        if missing or not found:
            raise forms.ValidationError(f"There is no invoice {', '.join(missing)[:200]}.")
        left, shares = self.item.minor, {}
        for number in asked:
            share = min(left, found[number].open_minor)
            if share > 0:
                shares[found[number].pk] = share
                left -= share
        cleaned["payer"] = next(iter(found.values())).organisation
        cleaned["shares"] = shares
        return cleaned


class CreditForm(_OfItem):
    """All of it is credit of a customer."""

    customer = forms.CharField(
        max_length=12, label="Customer", help_text="Its reference, like O-7K2M9QXA."
    )

    def clean_customer(self) -> Organisation:
        """Find a customer of the holder of the account."""
        holder = self.item.organisation
        below = Organisation.objects.filter(parent=holder, reference=self.cleaned_data["customer"])
        found = below.first()
        if found is None:
            raise forms.ValidationError(f"{holder.name} has no customer of this reference.")
        return found


class BackForm(_OfItem):
    """Which payment went back."""

    receipt = forms.ModelChoiceField(queryset=Receipt.objects.none(), to_field_name="reference")

    def __init__(self, item: BankItem, *args: Any, **kwargs: Any) -> None:
        super().__init__(item, *args, **kwargs)
        field = self.fields["receipt"]
        assert isinstance(field, forms.ModelChoiceField), "it is declared so"
        field.queryset = Receipt.objects.filter(issuer=item.organisation, currency=item.currency)
        field.widget = forms.TextInput()
        field.help_text = "The reference of the payment, like R-7K2M9QXA."


class RunForm(_OfItem):
    """Which file of ours the bank carried out."""

    run = forms.ModelChoiceField(queryset=SepaRun.objects.none(), to_field_name="reference")

    def __init__(self, item: BankItem, *args: Any, **kwargs: Any) -> None:
        super().__init__(item, *args, **kwargs)
        field = self.fields["run"]
        assert isinstance(field, forms.ModelChoiceField), "it is declared so"
        field.queryset = runs(item.organisation)
        field.widget = forms.TextInput()


class WhyForm(_OfItem):
    """A reason."""

    why = forms.CharField(max_length=200, label="Reason")
