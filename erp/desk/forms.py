"""What somebody types who sets up a desk."""

from collections.abc import Mapping
from datetime import date
from typing import Any, ClassVar
from zoneinfo import available_timezones

from django import forms

from erp.customers.models import Organisation
from erp.desk.clock import BadHours, read_week, written
from erp.desk.fields import FIELDS, unknown
from erp.desk.models import Calendar, CannedAnswer, Queue, TicketTemplate
from erp.desk.services import Promise
from erp.desk.states import Priority

MOST_HOLIDAYS = 200
MOST_MINUTES = 366 * 24 * 60
_TEXT = {"rows": 8}
_CODE = {"rows": 7, "class": "mono", "spellcheck": "false"}


class PartForm(forms.Form):
    """A part of a desk: `facts()` are its columns."""

    made: ClassVar[type[Queue | Calendar | CannedAnswer | TicketTemplate]]
    name = forms.CharField(max_length=100)

    def __init__(self, desk: Organisation, row: Any, data: Any = None) -> None:
        super().__init__(data, initial=self.shown(row) if row.pk else None)
        self.desk = desk
        self.row = row

    def shown(self, row: Any) -> dict[str, Any]:
        """Return the columns as they are typed."""
        return {name: getattr(row, name, None) for name in self.base_fields}

    def facts(self) -> Mapping[str, Any]:
        """Return what was typed as columns."""
        return dict(self.cleaned_data)


class CalendarForm(PartForm):
    """When somebody works."""

    made = Calendar
    time_zone = forms.CharField(max_length=40, initial="Europe/Paris", help_text="Continent/City.")
    week = forms.CharField(
        label="Hours", max_length=1000, widget=forms.Textarea(attrs=_CODE),
        initial="mon 09:00-17:30\ntue 09:00-17:30\nwed 09:00-17:30\nthu 09:00-17:30\n"
        "fri 09:00-17:30",
        help_text="A line per day: mon 09:00-12:30 13:30-18:00. A day without a line is free.",
    )  # fmt: skip
    holidays = forms.CharField(
        required=False, max_length=4000, widget=forms.Textarea(attrs=_CODE),
        help_text="A date per line: 2026-12-25.",
    )  # fmt: skip

    def shown(self, row: Any) -> dict[str, Any]:
        """Return hours and holidays as lines."""
        lines = {"week": written(row.week), "holidays": "\n".join(row.holidays)}
        return super().shown(row) | lines

    def clean_time_zone(self) -> str:
        """Take a zone that the system knows."""
        zone = str(self.cleaned_data["time_zone"])
        if zone not in available_timezones():
            raise forms.ValidationError("There is no such zone: write one such as Europe/Paris.")
        return zone

    def clean_week(self) -> dict[str, list[str]]:
        """Read the hours."""
        try:
            return read_week(self.cleaned_data["week"])
        except BadHours as refusal:
            raise forms.ValidationError(str(refusal)) from refusal

    def clean_holidays(self) -> list[str]:
        """Read the dates, each once."""
        lines = {line.strip() for line in self.cleaned_data["holidays"].splitlines()} - {""}
        try:
            days = sorted(date.fromisoformat(line).isoformat() for line in lines)
        except ValueError as error:
            raise forms.ValidationError(f"No date: {error}") from error
        if len(days) > MOST_HOLIDAYS:
            raise forms.ValidationError(f"At most {MOST_HOLIDAYS} holidays.")
        return days


def _minutes(label: str) -> forms.IntegerField:
    return forms.IntegerField(
        label=label, required=False, min_value=1, max_value=MOST_MINUTES, help_text="minutes"
    )


class QueueForm(PartForm):
    """Where tickets wait, and what is promised for each priority in working minutes."""

    made = Queue
    is_default = forms.BooleanField(label="New tickets wait here", required=False)
    calendar = forms.ModelChoiceField(
        Calendar.objects.none(), required=False, empty_label="Always",
        help_text="When its clocks run.",
    )  # fmt: skip
    escalates_to = forms.ModelChoiceField(
        Queue.objects.none(), required=False, empty_label="Nowhere",
        help_text="Where a ticket goes whose clock ran out.",
    )  # fmt: skip

    def __init__(self, desk: Organisation, row: Any, data: Any = None) -> None:
        super().__init__(desk, row, data)
        calendars = Calendar.objects.filter(organisation=desk)
        queues = Queue.objects.filter(organisation=desk).exclude(pk=row.pk)
        self.fields["calendar"].queryset = calendars  # type: ignore[attr-defined]
        self.fields["escalates_to"].queryset = queues  # type: ignore[attr-defined]
        targets = {one.priority: one for one in row.targets.all()} if row.pk else {}
        for priority in Priority:
            for name, label in (("answer", "first answer"), ("resolve", "resolution")):
                field = _minutes(f"{priority.label}: {label} within")
                target = targets.get(priority)
                field.initial = getattr(target, f"{name}_minutes") if target else None
                self.fields[f"{name}_{priority.value}"] = field

    def clean(self) -> dict[str, Any]:
        """An answer is promised no later than the resolution."""
        cleaned: dict[str, Any] = super().clean() or {}
        for priority in Priority:
            answer, resolve = self._promised(cleaned, priority)
            if answer and resolve and answer > resolve:
                self.add_error(f"answer_{priority.value}", "Later than the resolution.")
        return cleaned

    def _promised(self, cleaned: Mapping[str, Any], priority: int) -> tuple[Any, Any]:
        return cleaned.get(f"answer_{priority:d}"), cleaned.get(f"resolve_{priority:d}")

    def facts(self) -> Mapping[str, Any]:
        """Return the columns of the queue itself."""
        names = ("name", "is_default", "calendar", "escalates_to")
        return {name: self.cleaned_data[name] for name in names}

    def promises(self) -> Mapping[int, Promise]:
        """Return what it promises."""
        return {
            priority.value: Promise(*self._promised(self.cleaned_data, priority))
            for priority in Priority
        }


class AnswerForm(PartForm):
    """An answer that is given again and again."""

    made = CannedAnswer
    body = forms.CharField(
        label="Answer", max_length=20_000, widget=forms.Textarea(attrs=_TEXT),
        help_text="Fields: " + ", ".join(f"{{{name}}} {what}" for name, what in FIELDS.items()),
    )  # fmt: skip

    def clean_body(self) -> str:
        """Refuse a field that would stay in braces."""
        body = str(self.cleaned_data["body"])
        strange = unknown(body)
        if strange:
            raise forms.ValidationError(f"There is no field {', '.join(strange)}.")
        return body


class TemplateForm(PartForm):
    """What a new ticket begins with."""

    made = TicketTemplate
    subject = forms.CharField(max_length=200, required=False)
    body = forms.CharField(
        label="Text", max_length=20_000, required=False, widget=forms.Textarea(attrs=_TEXT),
        help_text="Customers read it: questions that you would ask anyway.",
    )  # fmt: skip
    priority = forms.TypedChoiceField(choices=Priority.choices, coerce=int, initial=Priority.NORMAL)
    queue = forms.ModelChoiceField(
        Queue.objects.none(), required=False, empty_label="The default one"
    )

    def __init__(self, desk: Organisation, row: Any, data: Any = None) -> None:
        super().__init__(desk, row, data)
        queues = Queue.objects.filter(organisation=desk)
        self.fields["queue"].queryset = queues  # type: ignore[attr-defined]


FORMS: Mapping[str, type[PartForm]] = {
    "queue": QueueForm,
    "calendar": CalendarForm,
    "answer": AnswerForm,
    "template": TemplateForm,
}
