"""A form for what a buyer may wish of the place: what the offer allows, where there is a choice."""

from collections.abc import Sequence
from typing import Any

from django import forms

from erp.catalogue.models import Plan
from erp.ports import Choice, placement_source

PREFIX = "at_"


def place_form(plan: Plan, buyer: int) -> type[forms.Form]:
    """Return a form class with a field per wish that the offer allows and the plan leaves open."""
    left_open = set(plan.offer.wishes) - set(plan.sla)
    return form_of(placement_source().choices(left_open, buyer=buyer))


def fixed_by(plan: Plan) -> list[tuple[str, str]]:
    """Return what the plan says of the place, in words."""
    return [(name, _words(value)) for name, value in sorted(plan.sla.items())]


def _words(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(value) if isinstance(value, list) else str(value)


def form_of(choices: Sequence[Choice]) -> type[forms.Form]:
    """Return a form class for these wishes."""
    fields = {PREFIX + one.name: _field(one) for one in choices}
    return type("PlaceForm", (_Place,), fields)


class _Place(forms.Form):
    """Gives the wishes back as the schema names them."""

    def sla(self) -> dict[str, Any]:
        """Return what was chosen, without what was left open."""
        chosen = {name.removeprefix(PREFIX): value for name, value in self.cleaned_data.items()}
        return {name: value for name, value in chosen.items() if value}


def _field(one: Choice) -> forms.Field:
    facts: dict[str, Any] = {"label": one.title, "help_text": one.help, "required": False}
    if one.kind == "flag":
        return forms.BooleanField(**facts)
    if one.kind == "many":
        widget = forms.CheckboxSelectMultiple()
        return forms.MultipleChoiceField(choices=list(one.choices), widget=widget, **facts)
    return forms.ChoiceField(choices=[("", "anywhere"), *one.choices], **facts)
