"""A form from the JSON Schema of a release: flat fields where it can, the raw JSON where not."""

import json
from collections.abc import Mapping
from typing import Any

from django import forms

from erp.base.secret_parameters import is_sealed

PREFIX = "p_"
RAW = "parameters_json"


def schema_form(
    schema: Mapping[str, Any], *, there: Mapping[str, Any] | None = None
) -> type[forms.Form]:
    """Return a form class for the parameters of a release.

    The server checks what comes back against the schema itself (`orders.parameters`): the form
    only makes it easy to be right.

    Args:
        there: the parameters as they are stored now; None when there are none yet. A secret among
            them is not shown, and need not be given again.
    """
    fields: dict[str, forms.Field] = {}
    required, there = set(schema.get("required", ())), there or {}
    for name, rule in schema.get("properties", {}).items():
        is_kept = is_sealed(there.get(name))
        field = _field(name, rule, is_required=name in required and not is_kept)
        if field is None:
            return _raw_form(schema, there)
        if is_kept:
            field.help_text = f"{field.help_text} There is one: leave it empty to keep it.".strip()
        elif name in there:
            field.initial = there[name]
        fields[PREFIX + name] = field
    return type("ParametersForm", (_Parameters,), fields)


class _Parameters(forms.Form):
    """Gives the parameters back as the schema names them."""

    def parameters(self) -> dict[str, Any]:
        """Return what was typed, without what was left empty."""
        typed = {name.removeprefix(PREFIX): value for name, value in self.cleaned_data.items()}
        return {name: value for name, value in typed.items() if value not in ("", None)}

    def refuse(self, errors: Mapping[str, str]) -> None:
        """Put the errors of the schema beside their fields."""
        for name, message in errors.items():
            field = PREFIX + name.split(".")[0]
            self.add_error(field if field in self.fields else None, message)


class _RawParameters(_Parameters):
    """The fall-back: the parameters as JSON."""

    parameters_json = forms.CharField(
        label="Parameters", widget=forms.Textarea(attrs={"rows": 8, "spellcheck": "false"})
    )

    def clean_parameters_json(self) -> dict[str, Any]:
        """Accept one JSON object."""
        try:
            value = json.loads(self.cleaned_data[RAW])
        except (ValueError, RecursionError) as error:
            raise forms.ValidationError(f"This is no JSON: {error}.") from error
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
    initial = {name: value for name, value in (there or defaults).items() if not is_sealed(value)}
    field = forms.CharField(
        label="Parameters",
        initial=json.dumps(initial, indent=2),
        help_text="As JSON: this release takes more than a form can show.",
        widget=forms.Textarea(attrs={"rows": 8, "spellcheck": "false"}),
    )
    return type("RawParametersForm", (_RawParameters,), {RAW: field})


def _field(name: str, rule: Any, *, is_required: bool) -> forms.Field | None:
    """Return the field for one property, or None for what a flat form cannot show."""
    if not isinstance(rule, Mapping) or {"oneOf", "anyOf", "allOf", "$ref"} & set(rule):
        return None
    facts: dict[str, Any] = {
        "label": rule.get("title", name),
        "help_text": rule.get("description", ""),
        "initial": rule.get("default"),
        "required": is_required and rule.get("type") != "boolean",
    }
    if "enum" in rule and rule.get("type", "string") == "string":
        blank = [] if is_required or "default" in rule else [("", "—")]
        choices = blank + [(value, value) for value in rule["enum"]]
        return forms.ChoiceField(choices=choices, **facts)
    match rule.get("type"):
        case "boolean":
            return forms.BooleanField(**facts)
        case "integer":
            return forms.IntegerField(
                min_value=rule.get("minimum"), max_value=rule.get("maximum"), **facts
            )
        case "number":
            return forms.FloatField(
                min_value=rule.get("minimum"), max_value=rule.get("maximum"), **facts
            )
        case "string" if rule.get("writeOnly") is True:
            return forms.CharField(widget=_secret_widget(rule), **facts)
        case "string":
            is_long = rule.get("maxLength", 0) > 200
            widget = forms.Textarea(attrs={"rows": 3}) if is_long else forms.TextInput()
            return forms.CharField(max_length=rule.get("maxLength"), widget=widget, **facts)
    return None


def _secret_widget(rule: Mapping[str, Any]) -> forms.Widget:
    """A key of many lines needs an area; neither is filled in by us or by the browser."""
    attributes = {"autocomplete": "off", "spellcheck": "false"}
    if rule.get("contentMediaType") == "application/x-pem-file":
        return forms.Textarea(attrs=attributes | {"rows": 4})
    return forms.PasswordInput(attrs=attributes)
