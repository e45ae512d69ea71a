"""What is typed about the cost of a machine."""

from decimal import Decimal
from typing import Any

from django import forms

from erp.base.money import exponent


class CostForm(forms.Form):
    """What it costs in a month from a day on."""

    amount = forms.DecimalField(max_digits=15, min_value=Decimal(0))
    from_on = forms.DateField(
        label="From",
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text="In UTC. The same day again replaces what was said of it.",
    )

    def __init__(self, currency: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.currency = currency
        field = self.fields["amount"]
        field.label = f"{currency} a month"
        field.help_text = "Everything: rent or depreciation, power, network."

    def clean_amount(self) -> int:
        """Return minor units; refuse more decimals than the currency has."""
        minor: Decimal = self.cleaned_data["amount"].scaleb(exponent(self.currency))
        if minor != int(minor):
            raise forms.ValidationError(f"{self.currency} has fewer decimals than that.")
        return int(minor)
