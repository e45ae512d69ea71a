"""What a reader of a simulation chooses."""

from datetime import datetime, timedelta

from django import forms

from erp.base.periods import Period, month_of

MONTHS_BACK = 12


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
