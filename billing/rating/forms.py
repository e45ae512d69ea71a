"""What a reader of a simulation chooses, and what becomes of a service."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django import forms

from erp.base.identifiers import reference
from erp.base.periods import Period, month_of
from erp.catalogue.models import Plan

MONTHS_BACK = 12
MOST_PIECES = Decimal(100_000)


class MonthForm(forms.Form):
    """One of the last months that are over."""

    month = forms.ChoiceField()

    def __init__(self, data: dict[str, str], *, at: datetime) -> None:
        self.months = _months(at)
        newest = next(iter(self.months))
        super().__init__({"month": data.get("month") or newest})
        self.fields["month"].choices = [  # type: ignore[attr-defined]
            (name, f"{period.start:%B %Y}") for name, period in self.months.items()
        ]

    def period(self) -> Period:
        """Return the month that was chosen; the newest when it is none of them."""
        newest = next(iter(self.months))
        return self.months[self.cleaned_data["month"] if self.is_valid() else newest]


def _months(at: datetime) -> dict[str, Period]:
    """Return the last months by their name, the newest first."""
    found: dict[str, Period] = {}
    month = month_of(at)
    for _ in range(MONTHS_BACK):
        month = month_of(month.start - timedelta(days=1))
        found[f"{month.start:%Y-%m}"] = month
    return found


def new_key() -> str:
    """Return a key for one wish to resize: sent twice, it is one change."""
    return reference("K")


class ResizeForm(forms.Form):
    """A plan and how many pieces of it; `seen` is what the line was when its price was shown."""

    plan = forms.ChoiceField()
    quantity = forms.DecimalField(
        label="Pieces",
        required=False,
        max_digits=9,
        decimal_places=3,
        min_value=Decimal("0.001"),
        max_value=MOST_PIECES,
    )
    key = forms.RegexField(r"^K-[0-9A-Z]{8}$", required=False, widget=forms.HiddenInput())
    seen = forms.CharField(max_length=80, required=False, widget=forms.HiddenInput())
    shown_at = forms.CharField(max_length=40, required=False, widget=forms.HiddenInput())

    def __init__(self, data: Any, *, plans: Sequence[Plan], initial: Mapping[str, Any]) -> None:
        super().__init__(data, initial=dict(initial))
        self.plans = {one.code: one for one in plans}
        self.fields["plan"].choices = [  # type: ignore[attr-defined]
            (one.code, one.name) for one in plans
        ]

    def clean_quantity(self) -> Decimal:
        """Keep the quantity when none is typed."""
        return self.cleaned_data["quantity"] or Decimal(self.initial["quantity"])

    def clean_key(self) -> str:
        """Give a wish that is only looked at a key for when it is sent."""
        return self.cleaned_data["key"] or new_key()

    def clean_shown_at(self) -> datetime | None:
        """Read the moment of the price that was shown."""
        written = self.cleaned_data["shown_at"]
        try:
            shown = datetime.fromisoformat(written) if written else None
        except ValueError as error:
            raise forms.ValidationError("This is no moment: look at the price again.") from error
        if shown and shown.tzinfo is None:
            raise forms.ValidationError("This moment has no zone: look at the price again.")
        return shown

    def plan_chosen(self) -> Plan:
        """Return the plan that was chosen."""
        return self.plans[self.cleaned_data["plan"]]
