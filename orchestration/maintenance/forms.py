"""What an operator says of work on a node, and who looks after a check."""

from collections.abc import Sequence
from typing import Any

from django import forms

from orchestration.maintenance.states import How
from orchestration.windows.models import Occurrence


class WorkForm(forms.Form):
    """What is done, when, and what becomes of what runs there."""

    what = forms.CharField(max_length=200, label="What is done")
    occurrence = forms.ChoiceField(label="When", help_text="A time of a window of this node.")
    how = forms.ChoiceField(choices=How.choices, label="Meanwhile", widget=forms.RadioSelect)

    def __init__(self, data: Any, occurrences: Sequence[Occurrence]) -> None:
        super().__init__(data)
        self.occurrences = {one.reference: one for one in occurrences}
        self.fields["occurrence"].choices = [  # type: ignore[attr-defined]
            (key, f"{one.starts_at:%a %d %b %H:%M} to {one.ends_at:%H:%M} UTC: {one.window.what}")
            for key, one in self.occurrences.items()
        ]


class OwnerForm(forms.Form):
    """Who looks after it."""

    owner = forms.EmailField(required=False, max_length=150, help_text="Empty: nobody yet.")
