"""What an operator asks of a dry run, and why a node is drained."""

from collections.abc import Sequence
from typing import Any

from django import forms

MIB = 2**20


class DryRunForm(forms.Form):
    """For whom, what, and how much of it."""

    customer = forms.ChoiceField()
    product = forms.ChoiceField()
    memory_mib = forms.IntegerField(
        label="Memory (MiB)", required=False, min_value=0, max_value=2**30
    )
    disk_mib = forms.IntegerField(label="Disk (MiB)", required=False, min_value=0, max_value=2**40)

    def __init__(
        self, data: Any, *, customers: Sequence[tuple[str, str]], products: Sequence[str]
    ) -> None:
        super().__init__(data)
        self.fields["customer"].choices = list(customers)  # type: ignore[attr-defined]
        self.fields["product"].choices = [(one, one) for one in products]  # type: ignore[attr-defined]

    def sizes(self) -> dict[str, int]:
        """Return memory and disk in bytes."""
        return {
            "memory_bytes": (self.cleaned_data["memory_mib"] or 0) * MIB,
            "disk_bytes": (self.cleaned_data["disk_mib"] or 0) * MIB,
        }


class WhyForm(forms.Form):
    """Why a node is drained."""

    why = forms.CharField(max_length=300, label="Reason")
