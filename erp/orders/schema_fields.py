"""One field of a form for one property of a JSON Schema: flat ones, lists, pairs, else its JSON."""

import json
from collections.abc import Mapping
from typing import Any

from django import forms

# What is longer than a line, and what has to be typed exactly.
_EXACT = {"spellcheck": "false", "autocomplete": "off", "autocapitalize": "off"}
_COMPOSED = {"oneOf", "anyOf", "allOf", "$ref", "not", "if"}


def field_of(name: str, rule: Mapping[str, Any], *, is_required: bool) -> forms.Field:
    """Return the field for one property; the server checks what comes back against the schema."""
    facts: dict[str, Any] = {
        "label": rule.get("title", name),
        "help_text": rule.get("description", ""),
        "initial": rule.get("default"),
        "required": is_required and rule.get("type") != "boolean",
    }
    if not _COMPOSED & set(rule):
        field = _choice(rule, facts) or _simple(rule, facts) or _of_many(rule, facts)
        if field is not None:
            return field
    return JsonField(**facts)


def _choice(rule: Mapping[str, Any], facts: Mapping[str, Any]) -> forms.Field | None:
    if "enum" not in rule or rule.get("type", "string") != "string":
        return None
    is_optional = not facts["required"] and "default" not in rule
    choices = [(value, value) for value in rule["enum"]]
    return forms.ChoiceField(choices=[("", "—"), *choices] if is_optional else choices, **facts)


def _simple(rule: Mapping[str, Any], facts: Mapping[str, Any]) -> forms.Field | None:
    bounds: dict[str, Any] = {"min_value": rule.get("minimum"), "max_value": rule.get("maximum")}
    match rule.get("type"):
        case "boolean":
            return forms.BooleanField(**facts)
        case "integer":
            return forms.IntegerField(**bounds, **facts)
        case "number":
            return forms.FloatField(**bounds, **facts)
        case "string":
            return forms.CharField(
                max_length=rule.get("maxLength"), widget=_widget_of(rule), **facts
            )
    return None


def _widget_of(rule: Mapping[str, Any]) -> forms.Widget:
    """A key of many lines needs an area; a secret is filled in by nobody but who types it."""
    is_secret = rule.get("writeOnly") is True
    if rule.get("contentMediaType") == "application/x-pem-file" or rule.get("maxLength", 0) > 500:
        return forms.Textarea(attrs={"rows": 4} | (_EXACT if is_secret else {}))
    return forms.PasswordInput(attrs=_EXACT) if is_secret else forms.TextInput()


def _of_many(rule: Mapping[str, Any], facts: Mapping[str, Any]) -> forms.Field | None:
    if rule.get("type") == "array" and _is_text(rule.get("items")):
        return LinesField(**facts)
    is_open = not {"properties", "patternProperties"} & set(rule)
    if rule.get("type") == "object" and is_open and _is_text(rule.get("additionalProperties")):
        return PairsField(**facts)
    return None


def _is_text(rule: Any) -> bool:
    return isinstance(rule, Mapping) and rule.get("type") == "string" and "enum" not in rule


class _AreaField(forms.CharField):
    """A value that is typed into an area and is no text."""

    hint = ""
    widget = forms.Textarea(attrs={"rows": 4} | _EXACT)

    def __init__(self, **facts: Any) -> None:
        facts["help_text"] = f"{facts['help_text']} {self.hint}".strip()
        super().__init__(**facts)

    def prepare_value(self, value: Any) -> Any:
        """Return the text for a value; what was typed stays as it was typed."""
        return value if value is None or isinstance(value, str) else self.written(value)

    def clean(self, value: Any) -> Any:
        """Return the value, or "" when nothing was typed."""
        text = super().clean(value)
        return self.read(text) if text else ""

    def written(self, value: Any) -> str:
        """Return the text for a value."""
        raise NotImplementedError

    def read(self, text: str) -> Any:
        """Return the value of a text.

        Raises:
            ValidationError: says what is wrong with it.
        """
        raise NotImplementedError


class LinesField(_AreaField):
    """A list of texts, one in a line."""

    hint = "One per line."

    def written(self, value: Any) -> str:
        """Return one line for each."""
        return "\n".join(str(one) for one in value)

    def read(self, text: str) -> list[str]:
        """Return what stands in the lines, without empty ones."""
        return [line.strip() for line in text.splitlines() if line.strip()]


class PairsField(_AreaField):
    """Names with a text each, one pair in a line."""

    hint = "One NAME=value per line."

    def written(self, value: Any) -> str:
        """Return one line for each pair."""
        return "\n".join(f"{name}={one}" for name, one in value.items())

    def read(self, text: str) -> dict[str, str]:
        """Return the pairs; only the first sign of equality divides."""
        pairs = {}
        for line in filter(None, (line.strip() for line in text.splitlines())):
            name, sign, value = line.partition("=")
            if not sign or not name.strip():
                raise forms.ValidationError(f"“{line[:40]}” is no NAME=value.")
            pairs[name.strip()] = value.strip()
        return pairs


class JsonField(_AreaField):
    """Anything else: its JSON."""

    hint = "As JSON."

    def written(self, value: Any) -> str:
        """Return it as JSON for people."""
        return json.dumps(value, indent=2, ensure_ascii=False)

    def read(self, text: str) -> Any:
        """Return what the JSON says."""
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            raise forms.ValidationError(f"This is no JSON: {error}.") from error
