"""What an accountant types about the books."""

from typing import Any

from django import forms

from billing.ledger.by_hand import MOST_BALANCES, MOST_LEGS, Leg, Typed, read
from billing.ledger.chart import Chart
from billing.ledger.charts import CHARTS
from erp.base.errors import DomainError
from erp.base.identifiers import reference
from erp.base.money import check_currency

_DAY = {"type": "date"}
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
_LINES = "One line each: account; debit; credit; document; due date. The last ones may be left out."


def _day(label: str, **more: Any) -> forms.DateField:
    return forms.DateField(label=label, widget=forms.DateInput(attrs=_DAY), **more)


def new_key() -> str:
    """Return a key for one form: sent twice, it is one entry."""
    return reference("K")


class _LinesForm(forms.Form):
    """Lines of accounts and amounts in one currency, on one day."""

    most = MOST_LEGS
    on = _day("Day")
    currency = forms.RegexField(r"^[A-Z]{3}$")
    lines = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 8, "class": "mono", "spellcheck": "false"}),
        help_text=_LINES,
        max_length=500_000,
    )

    def clean(self) -> dict[str, Any]:
        """Read the lines; what cannot be read is named."""
        cleaned: dict[str, Any] = super().clean() or {}
        if "lines" in cleaned and "currency" in cleaned:
            try:
                check_currency(cleaned["currency"])
                cleaned["legs"] = read(cleaned["lines"], cleaned["currency"], most=self.most)
            except DomainError as refusal:
                self.add_error("lines", str(refusal))
        return cleaned

    @property
    def legs(self) -> list[Leg]:
        """Return the lines as read."""
        return list(self.cleaned_data["legs"])


class EntryForm(_LinesForm):
    """An entry by hand."""

    key = forms.RegexField(r"^K-[0-9A-Z]{8}$", initial=new_key, widget=forms.HiddenInput())
    description = forms.CharField(max_length=200, label="What it is about, and why")
    field_order = ["key", "on", "currency", "description", "lines"]

    def typed(self) -> Typed:
        """Return what was typed."""
        facts = {name: self.cleaned_data[name] for name in ("key", "description", "currency", "on")}
        return Typed(legs=self.legs, **facts)


class OpeningForm(_LinesForm):
    """Opening balances: a line per account, for customers a line per open document."""

    most = MOST_BALANCES


class ReasonForm(forms.Form):
    """A day, and why."""

    on = _day("Day")
    why = forms.CharField(max_length=200, label="Reason")


class CloseForm(forms.Form):
    """What is closed, how, and why."""

    before = _day("Close the days before")
    how = forms.ChoiceField(
        choices=[("soft", "Softly: may be lifted with a reason"), ("hard", "For ever")],
        label="How",
    )
    why = forms.CharField(max_length=200, label="Reason")


class YearForm(forms.Form):
    """Which year is closed: the one that the page showed."""

    start = forms.DateField(widget=forms.HiddenInput())


class LiftForm(forms.Form):
    """Why the soft lock is lifted."""

    why = forms.CharField(max_length=200, label="Reason")


class ChartForm(forms.Form):
    """The chart, and the first month of the financial year."""

    key = forms.ChoiceField(label="Chart", choices=[(key, one.name) for key, one in CHARTS.items()])
    year_starts_month = forms.TypedChoiceField(
        label="The financial year starts in",
        choices=list(enumerate(_MONTHS, 1)),
        coerce=int,
    )


class PartForm(forms.Form):
    """Which part of the chart is booked on which account, from which day on."""

    part = forms.ChoiceField()
    code = forms.RegexField(r"^[0-9]{3,8}$", label="Account", help_text="3 to 8 digits.")
    name = forms.CharField(max_length=80)
    from_on = _day("From")

    def __init__(self, chart: Chart, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["part"]
        assert isinstance(field, forms.ChoiceField), "it is declared so"
        field.choices = [
            (part, f"{part.replace('_', ' ').replace('.', ', ')} ({code})")
            for part, code in sorted(chart.parts.items())
        ]

    def mapping(self) -> tuple[str, str, str]:
        """Return part, code and name."""
        typed = self.cleaned_data
        return typed["part"], typed["code"], typed["name"]
