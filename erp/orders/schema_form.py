"""A form from the JSON Schema of a release: a field per property, groups for nested objects."""

from collections.abc import Iterator, Mapping
from typing import Any

from django import forms

from erp.base.secret_parameters import is_sealed
from erp.orders.schema_fields import JsonField, field_of

PREFIX = "p_"
RAW = "parameters_json"
# Between the names of an object and of a property in it.
INSIDE = "."
DEEPEST = 3
_COMPOSED = {"oneOf", "anyOf", "allOf", "$ref", "patternProperties", "if"}
KEPT = "There is one: leave it empty to keep it."


def schema_form(
    schema: Mapping[str, Any], *, there: Mapping[str, Any] | None = None
) -> type[forms.Form]:
    """Return a form class for the parameters of a release.

    The server checks what comes back against the schema itself (`orders.parameters`): the form
    only makes it easy to be right. A schema whose properties depend on each other has one field
    for the JSON of them all.

    Args:
        there: the parameters as they are stored now; None when there are none yet. A secret among
            them is not shown, and need not be given again.
    """
    is_plain = not _COMPOSED & set(schema)
    if not is_plain or any(INSIDE in name for name in schema.get("properties", {})):
        return _raw_form(schema, there or {})
    fields = dict(_fields(schema, there or {}, path=()))
    return type("ParametersForm", (_Parameters,), fields)


def _fields(
    schema: Mapping[str, Any], there: Mapping[str, Any], *, path: tuple[str, ...]
) -> Iterator[tuple[str, forms.Field]]:
    required = set(schema.get("required", ())) if not path else set()
    for name, rule in schema.get("properties", {}).items():
        rule, value = rule if isinstance(rule, Mapping) else {}, there.get(name)
        place = (*path, name)
        if _is_group(rule) and len(place) < DEEPEST and not is_sealed(value):
            inner = value if isinstance(value, Mapping) else rule.get("default", {})
            for key, field in _fields(rule, inner, path=place):
                field.label = f"{rule.get('title', name)}: {field.label}"
                yield key, field
            continue
        is_kept = is_sealed(value)
        field = field_of(name, rule, is_required=name in required and not is_kept)
        if is_kept:
            field.initial, field.help_text = None, f"{field.help_text} {KEPT}".strip()
        elif name in there:
            field.initial = value
        yield PREFIX + INSIDE.join(place), field


def _is_group(rule: Mapping[str, Any]) -> bool:
    """Return whether an object has nothing but properties that a form can show one by one."""
    is_open = isinstance(rule.get("additionalProperties"), Mapping)
    names = rule.get("properties", {})
    is_plain = rule.get("type") == "object" and not _COMPOSED & set(rule) and not is_open
    return bool(names) and is_plain and not any(INSIDE in name for name in names)


class _Parameters(forms.Form):
    """Gives the parameters back as the schema names them."""

    def parameters(self) -> dict[str, Any]:
        """Return what was typed, without what was left empty."""
        given: dict[str, Any] = {}
        for name, value in self.cleaned_data.items():
            if value in ("", None):
                continue
            *groups, last = name.removeprefix(PREFIX).split(INSIDE)
            place = given
            for group in groups:
                place = place.setdefault(group, {})
            place[last] = value
        return given

    def refuse(self, errors: Mapping[str, str]) -> None:
        """Put the errors of the schema beside their fields."""
        for name, message in errors.items():
            self.add_error(self._field_at(name), message)

    def _field_at(self, name: str) -> str | None:
        """Return the field of a place, or of the nearest that holds it."""
        parts = name.split(INSIDE)
        for length in range(len(parts), 0, -1):
            field = PREFIX + INSIDE.join(parts[:length])
            if field in self.fields:
                return field
        return None


class _RawParameters(_Parameters):
    """The parameters as one JSON."""

    def clean_parameters_json(self) -> dict[str, Any]:
        """Accept one JSON object."""
        value = self.cleaned_data[RAW]
        if value == "":
            return {}
        if not isinstance(value, dict):
            raise forms.ValidationError("Give one JSON object: { … }.")
        return value

    def parameters(self) -> dict[str, Any]:
        """Return the object."""
        return dict(self.cleaned_data[RAW])


def _raw_form(schema: Mapping[str, Any], there: Mapping[str, Any]) -> type[forms.Form]:
    defaults = {
        name: rule["default"]
        for name, rule in schema.get("properties", {}).items()
        if isinstance(rule, Mapping) and "default" in rule
    }
    field = JsonField(
        label="Parameters",
        initial={name: one for name, one in (there or defaults).items() if not is_sealed(one)},
        help_text="What this release takes depends on what else is given.",
        required=False,
    )
    return type("RawParametersForm", (_RawParameters,), {RAW: field})
