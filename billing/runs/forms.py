"""What an accountant types to bill a period."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django import forms
from django.core.validators import MaxValueValidator

from erp.base.periods import Period
from erp.customers.models import Organisation

# The calendar ends in 9999: a day after the last one must exist.
_NO_LATER = [MaxValueValidator(date(2999, 12, 31))]


class RunForm(forms.Form):
    """Whose contracts, and which days; what was billed before is never billed again."""

    issuer = forms.ModelChoiceField(Organisation.objects.none(), to_field_name="reference")
    first_day = forms.DateField(widget=forms.DateInput(attrs={"type": "date"}))
    last_day = forms.DateField(
        validators=_NO_LATER,
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text="Included, in UTC. Today bills up to this moment.",
    )

    def __init__(self, issuers: list[Organisation], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        keys = [issuer.pk for issuer in issuers]
        field = self.fields["issuer"]
        assert isinstance(field, forms.ModelChoiceField), "it is declared so"
        field.queryset = Organisation.objects.filter(pk__in=keys)
        field.empty_label = None

    def clean(self) -> dict[str, Any]:
        """A period ends after it starts."""
        cleaned: dict[str, Any] = super().clean() or {}
        first, last = cleaned.get("first_day"), cleaned.get("last_day")
        if first and last and last < first:
            self.add_error("last_day", "The last day is before the first.")
        return cleaned

    def period(self, now: datetime) -> Period:
        """Return the days as a half-open period; a last day of today ends now."""
        start = datetime.combine(self.cleaned_data["first_day"], time(), UTC)
        last = self.cleaned_data["last_day"]
        end = datetime.combine(last + timedelta(days=1), time(), UTC)
        return Period(start, now if start < now and last == now.date() else end)
