"""What a reader asks of a report: whose books, which days, which currency."""

from datetime import date
from typing import Any

from django import forms

from billing.ledger.models import Journal
from billing.reports.margin import BY
from billing.reports.table import Asked

_DAY = {"type": "date"}
_CURRENCY = r"^[A-Z]{3}$"
_FIELDS = ("from", "to", "currency", "account", "basis", "by")


def _day(label: str) -> forms.DateField:
    return forms.DateField(label=label, widget=forms.DateInput(attrs=_DAY))


class AskForm(forms.Form):
    """Days, a currency, and what single reports ask besides; every field has a usual value."""

    from_ = _day("From")
    to = _day("To")
    currency = forms.RegexField(_CURRENCY, label="Currency")
    account = forms.CharField(max_length=40, required=False)
    basis = forms.ChoiceField(
        choices=[("invoiced", "As invoiced"), ("paid", "As paid")], required=False
    )

    by = forms.ChoiceField(choices=list(BY.items()), required=False)

    def __init__(self, usual: dict[str, Any], given: Any, uses: frozenset[str]) -> None:
        typed = {name: given.get(name) or value for name, value in usual.items()}
        super().__init__(typed)
        self.fields["from"] = self.fields.pop("from_")
        names = [name for name in _FIELDS if name in uses]
        self.fields = {name: self.fields[name] for name in names}
        if "journal" in uses:
            choices = [("", "All journals"), *Journal.choices]
            self.fields["account"] = forms.ChoiceField(
                choices=choices, required=False, label="Journal"
            )
        self.usual = usual

    def clean(self) -> dict[str, Any]:
        """The last day is not before the first."""
        cleaned: dict[str, Any] = super().clean() or {}
        first, last = cleaned.get("from"), cleaned.get("to")
        if first and last and last < first:
            self.add_error("to", "The last day is before the first.")
        return cleaned

    def asked(self, *, after: str, limit: int | None) -> Asked:
        """Return what was asked for; what cannot be read is as usual."""
        typed: dict[str, Any] = self.usual | (self.cleaned_data if self.is_valid() else {})
        return Asked(
            start=typed["from"],
            end=typed["to"],
            currency=typed["currency"],
            account=typed["account"],
            basis=typed["basis"] or "invoiced",
            by=typed["by"] or "customer",
            after=after,
            limit=limit,
        )


class FecForm(forms.Form):
    """Which financial year."""

    day = _day("A day of the financial year")


class DatevForm(forms.Form):
    """Which days, and the numbers of the tax adviser."""

    start = _day("From")
    end = _day("To")
    adviser = forms.IntegerField(
        label="Number of the tax adviser", min_value=1001, max_value=9_999_999
    )
    client = forms.IntegerField(label="Number of the client", min_value=1, max_value=99_999)

    def clean(self) -> dict[str, Any]:
        """The last day is not before the first."""
        cleaned: dict[str, Any] = super().clean() or {}
        first, last = cleaned.get("start"), cleaned.get("end")
        if first and last and last < first:
            self.add_error("end", "The last day is before the first.")
        return cleaned


def usual(year: date, today: date, currency: str) -> dict[str, Any]:
    """Return the usual values: this financial year up to today."""
    return {
        "from": year,
        "to": today,
        "currency": currency,
        "account": "",
        "basis": "invoiced",
        "by": "customer",
    }


class ProofForm(forms.Form):
    """Which days a compliance proof is about, both included."""

    start = _day("From")
    end = _day("To")

    def clean(self) -> dict[str, Any]:
        """The last day is not before the first."""
        cleaned: dict[str, Any] = super().clean() or {}
        first, last = cleaned.get("start"), cleaned.get("end")
        if first and last and last < first:
            self.add_error("end", "The last day is before the first.")
        return cleaned
