"""How a campaign goes, and what a contract says of upgrades."""

from datetime import datetime, timedelta
from typing import Any

from django import forms

from orchestration.campaigns.services import Plan


class PlanForm(forms.Form):
    """The waves, and how much may fail."""

    answer_days = forms.IntegerField(
        min_value=0, max_value=90, initial=7, label="Days to answer",
        help_text="For customers whose contract asks for their consent.",
    )  # fmt: skip
    is_security = forms.BooleanField(
        required=False, label="It closes a security hole",
        help_text="Where the contract allows it, it goes on without an answer after these days.",
    )  # fmt: skip
    canary = forms.IntegerField(
        min_value=1, max_value=100, initial=1, help_text="So many go first, alone."
    )
    wave_size = forms.IntegerField(min_value=1, max_value=100, initial=10, label="In a wave")
    pause_minutes = forms.IntegerField(
        min_value=0, max_value=20_160, initial=30, label="Pause", help_text="Minutes between waves."
    )
    patience_minutes = forms.IntegerField(
        min_value=1, max_value=1440, initial=15, label="Patience",
        help_text="Minutes until one that is not well has failed and goes back.",
    )  # fmt: skip
    watch_minutes = forms.IntegerField(
        min_value=0, max_value=1440, initial=5, label="Watch",
        help_text="Minutes that each must be well to be done.",
    )  # fmt: skip
    tolerance_per_cent = forms.IntegerField(
        min_value=0, max_value=50, initial=0, label="Tolerance",
        help_text="Per cent that may fail before it stops by itself; a canary may never.",
    )  # fmt: skip
    without_snapshot = forms.BooleanField(
        required=False, label="Go on without a snapshot",
        help_text="What went wrong gets its former release back, but not its former data.",
    )  # fmt: skip

    def plan(self, at: datetime) -> Plan:
        """Return what was typed."""
        typed: dict[str, Any] = dict(self.cleaned_data)
        return Plan(answers_until=at + timedelta(days=typed.pop("answer_days")), **typed)


class TermsForm(forms.Form):
    """What a contract says of upgrades."""

    needs_consent = forms.BooleanField(required=False, label="Upgrades need the customer's consent")
    allows_security = forms.BooleanField(
        required=False, label="Security upgrades may be made without an answer after the date"
    )


class WhyForm(forms.Form):
    """Why a campaign is paused, cancelled or brought back."""

    why = forms.CharField(max_length=300, label="Reason")
