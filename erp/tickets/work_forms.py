"""What those who serve fill in besides their answers."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib.auth.models import User

from erp.desk.models import Queue
from erp.desk.states import Priority
from erp.tickets.models import Ticket
from erp.tickets.working import Route


class RouteForm(forms.Form):
    """Where a ticket waits, for whom, how urgent it is."""

    queue = forms.ChoiceField(required=False)
    assignee = forms.ChoiceField(label="Whose it is", required=False)
    priority = forms.TypedChoiceField(choices=Priority.choices, coerce=int)

    def __init__(
        self, data: Any = None, *, ticket: Ticket, queues: Sequence[Queue], agents: Sequence[User]
    ) -> None:
        self._queues = {one.reference: one for one in queues}
        self._agents = {str(one.pk): one for one in agents}
        initial = {
            "queue": ticket.queue.reference if ticket.queue else "",
            "assignee": str(ticket.assignee_id or ""),
            "priority": ticket.priority,
        }
        super().__init__(data, initial=initial, auto_id="route_%s")
        named = [("", "None"), *((key, one.name) for key, one in self._queues.items())]
        self.fields["queue"].choices = named  # type: ignore[attr-defined]
        people = [("", "Nobody"), *((key, one.username) for key, one in self._agents.items())]
        self.fields["assignee"].choices = people  # type: ignore[attr-defined]

    def route(self) -> Route:
        """Return what was chosen."""
        chosen = self.cleaned_data
        return Route(
            queue=self._queues.get(chosen["queue"]),
            assignee=self._agents.get(chosen["assignee"]),
            priority=Priority(chosen["priority"]),
        )


class LinkForm(forms.Form):
    """What it is about."""

    name = forms.CharField(
        label="Reference or number", max_length=60,
        help_text="Of a service, node, invoice (with /2 for its second line) or ticket.",
    )  # fmt: skip


class MergeForm(forms.Form):
    """Where a ticket goes on."""

    into = forms.CharField(label="Goes on in", max_length=12, help_text="T-…")


class ActForm(forms.Form):
    """What is done with the service, and why."""

    action = forms.ChoiceField(choices=[("stop", "Stop it"), ("start", "Start it")])
    why = forms.CharField(label="Reason", max_length=300)


class JudgeForm(forms.Form):
    """How good the help was."""

    score = forms.TypedChoiceField(
        label="How was it?", coerce=int,
        choices=[(5, "Very good"), (4, "Good"), (3, "Fair"), (2, "Poor"), (1, "Bad")],
    )  # fmt: skip
    words = forms.CharField(
        label="What could be better?", max_length=1000, required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
    )  # fmt: skip
