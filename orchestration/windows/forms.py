"""What an operator says of a window, and a customer of a new time."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from django import forms

from erp.base.tenancy import AnyUser
from erp.contracts.models import Contract
from erp.contracts.states import State as Contracted
from orchestration.nodes.models import ComputeNode
from orchestration.nodes.queries import VISITED
from orchestration.windows.recurrence import WEEKDAYS, Rule
from orchestration.windows.services import Scope, Terms

MOST_NODES = 2000
_OF = [("node", "one node"), ("region", "all nodes of a region"), ("contract", "one contract")]


class WindowForm(forms.Form):
    """For what, when, and what is told ahead."""

    what = forms.CharField(
        max_length=200, label="What is done", help_text="Customers read this, for example: updates."
    )
    of = forms.ChoiceField(choices=_OF, label="For")
    node = forms.ChoiceField(required=False)
    region = forms.ChoiceField(required=False)
    contract = forms.CharField(
        max_length=12, required=False, help_text="Its reference, for example C-7K2M9QXA."
    )
    weekday = forms.ChoiceField(
        required=False,
        label="Comes",
        choices=[("", "once, on the date below"), *((str(n), f"every {day}") for n, day in
                 enumerate(WEEKDAYS))],
    )  # fmt: skip
    date = forms.DateField(
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text="Of a window that comes once.",
    )
    time = forms.TimeField(
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"), initial="03:00"
    )
    zone = forms.CharField(
        max_length=40, initial="Europe/Paris", label="Time zone", help_text="As Europe/Paris."
    )
    duration_minutes = forms.IntegerField(min_value=5, max_value=1440, initial=120, label="Minutes")
    notice_hours = forms.IntegerField(
        min_value=0,
        max_value=720,
        initial=72,
        label="Hours of notice",
        help_text="What is told later than this excuses no failure.",
    )
    movable_hours = forms.IntegerField(
        min_value=0,
        max_value=336,
        initial=0,
        required=False,
        label="Movable by hours",
        help_text="Of a contract's window: how far the customer may move each time.",
    )

    def __init__(self, data: Any, user: AnyUser, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        self._user = user
        seen = ComputeNode.objects.visible_to(user).filter(state__in=VISITED)
        rows = seen.only("reference", "name", "region").order_by("name")[:MOST_NODES]
        self.nodes = {one.reference: one for one in rows}
        regions = sorted({one.region for one in self.nodes.values()})
        named = [(key, one.name) for key, one in self.nodes.items()]
        self.fields["node"].choices = [("", "–"), *named]  # type: ignore[attr-defined]
        self.fields["region"].choices = [  # type: ignore[attr-defined]
            ("", "–"), *((one, one) for one in regions),
        ]  # fmt: skip

    def clean_zone(self) -> str:
        """Accept a zone that exists."""
        zone = str(self.cleaned_data["zone"]).strip()
        if zone not in available_timezones():
            raise forms.ValidationError(f"There is no zone {zone}: for example Europe/Paris.")
        return zone

    def clean(self) -> dict[str, Any]:
        """Ask for what the choice needs."""
        cleaned: dict[str, Any] = super().clean() or {}
        of = cleaned.get("of")
        if of and not cleaned.get(of):
            self.add_error(of, "Say for which.")
        if of == "contract" and cleaned.get("contract"):
            cleaned["contract"] = self._contract(cleaned["contract"].strip().upper())
        if not cleaned.get("weekday") and not cleaned.get("date"):
            self.add_error("date", "A window that comes once has a date.")
        return cleaned

    def _contract(self, reference: str) -> Contract | None:
        visible = Contract.objects.visible_to(self._user).exclude(state=Contracted.ENDED)
        found = visible.select_related("organisation").filter(reference=reference).first()
        if found is None:
            self.add_error("contract", f"No contract in force is called {reference}.")
        return found

    def scope(self) -> Scope:
        """Return for what it is."""
        typed = self.cleaned_data
        if typed["of"] == "node":
            return Scope(node=self.nodes[typed["node"]])
        if typed["of"] == "region":
            return Scope(region=typed["region"])
        return Scope(contract=typed["contract"])

    def rule(self) -> Rule:
        """Return when it comes."""
        typed = self.cleaned_data
        zone, minutes, time = typed["zone"], typed["duration_minutes"], typed["time"]
        if typed["weekday"]:
            day = int(typed["weekday"])
            return Rule(day, time.hour, time.minute, zone, None, minutes)
        starts_at = datetime.combine(typed["date"], time, tzinfo=ZoneInfo(zone)).astimezone(UTC)
        return Rule(None, 0, 0, zone, starts_at, minutes)

    def terms(self) -> Terms:
        """Return what is told ahead."""
        typed = self.cleaned_data
        return Terms(typed["what"], typed["notice_hours"], typed["movable_hours"] or 0)


class MoveForm(forms.Form):
    """When it should be instead, in UTC."""

    starts_at = forms.DateTimeField(
        label="New start (UTC)",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"],
    )


class WhyForm(forms.Form):
    """Why it does not take place."""

    why = forms.CharField(max_length=300, label="Reason")
