"""What a seller types."""

from typing import Any

from django import forms

from erp.catalogue.models import Plan, PriceKind


class PriceListForm(forms.Form):
    """A dated price list."""

    name = forms.CharField(max_length=100)
    currency = forms.RegexField(r"^[A-Z]{3}$", initial="EUR", help_text="Three letters, ISO 4217.")
    starts_at = forms.DateTimeField(
        label="Valid from", help_text="In UTC.", widget=forms.DateTimeInput(attrs={"type": "date"})
    )
    ends_at = forms.DateTimeField(
        label="Valid until",
        required=False,
        help_text="Empty: without an end.",
        widget=forms.DateTimeInput(attrs={"type": "date"}),
    )


class PriceForm(forms.Form):
    """One price."""

    plan = forms.ModelChoiceField(Plan.objects.select_related("offer"))
    kind = forms.ChoiceField(choices=PriceKind.choices)
    meter = forms.CharField(max_length=40, required=False, help_text="For metered prices.")
    unit = forms.CharField(max_length=20, required=False)
    unit_price = forms.DecimalField(max_digits=20, decimal_places=9, min_value=0)

    def clean(self) -> dict[str, Any]:
        """A metered price names its meter, another one has none."""
        cleaned: dict[str, Any] = super().clean() or {}
        if (cleaned.get("kind") == PriceKind.METERED) != bool(cleaned.get("meter")):
            raise forms.ValidationError("A metered price, and only that, names a meter.")
        return cleaned
