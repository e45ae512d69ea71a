"""What an operator says of a policy and of a move."""

from typing import Any

from django import forms

from erp.catalogue import backup
from orchestration.nodes.models import ComputeNode


class PolicyForm(forms.Form):
    """How the data of a service are kept safe; without an interval nothing is."""

    every_minutes = forms.IntegerField(
        label="Every so many minutes",
        required=False,
        min_value=5,
        max_value=10080,
        help_text="Empty: no backup.",
    )
    hourly = forms.IntegerField(label="Keep so many hours", min_value=0, max_value=1000, initial=24)
    daily = forms.IntegerField(label="Keep so many days", min_value=0, max_value=1000, initial=7)
    weekly = forms.IntegerField(label="Keep so many weeks", min_value=0, max_value=1000, initial=4)
    where = forms.ChoiceField(
        label="Kept",
        choices=[
            ("node", "on another node"),
            ("network", "in another network"),
            ("region", "in another region"),
        ],
    )
    most_gib = forms.IntegerField(
        label="At most, in GiB", min_value=1, max_value=100_000, initial=100
    )
    takeover_minutes = forms.IntegerField(
        label="Give its node up after so many minutes",
        required=False,
        min_value=1,
        max_value=10080,
        help_text="Empty: a person decides.",
    )
    priority = forms.IntegerField(
        min_value=0,
        max_value=100,
        initial=50,
        help_text="Of a lost node's instances the highest come back first.",
    )
    drill_days = forms.IntegerField(
        label="A restore drill every so many days",
        required=False,
        min_value=1,
        max_value=365,
        help_text="Empty: none.",
    )

    @classmethod
    def initial_of(cls, agreed: dict[str, Any]) -> dict[str, Any]:
        """Return a policy as the form shows it."""
        plain = {name: value for name, value in agreed.items() if name != "keep"}
        return plain | dict(agreed.get("keep", {}))

    def policy(self) -> dict[str, Any]:
        """Return the policy as contract lines hold it."""
        facts = dict(self.cleaned_data)
        keep = {name: facts.pop(name) for name in ("hourly", "daily", "weekly")}
        if facts["every_minutes"] is None:
            return {}
        policy = {name: value for name, value in facts.items() if value is not None}
        backup.check(policy | {"keep": keep})
        return policy | {"keep": keep}


class MoveForm(forms.Form):
    """Where an instance should go."""

    to = forms.ModelChoiceField(
        ComputeNode.objects.none(),
        label="Node",
        required=False,
        to_field_name="reference",
        empty_label="wherever it fits best",
    )
    why = forms.CharField(label="Reason", max_length=300)

    def __init__(self, data: Any, *, nodes: Any) -> None:
        super().__init__(data)
        self.fields["to"].queryset = nodes  # type: ignore[attr-defined]
