"""A form for whatever a release takes: fields that people can fill in, JSON where it must be."""

from typing import Any

import pytest

from erp.orders.schema_form import RAW, schema_form
from orchestration.releases.profile import parse
from orchestration.releases.services import CATALOGUE

TEXT = {"type": "string"}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["title"],
    "properties": {
        "title": {"type": "string", "title": "Title"},
        "aliases": {"type": "array", "items": TEXT, "default": ["a", "b"]},
        "environment": {"type": "object", "additionalProperties": TEXT},
        "mail": {
            "type": "object",
            "title": "Mail",
            "properties": {
                "host": {"type": "string", "title": "Server"},
                "port": {"type": "integer", "default": 25},
            },
        },
        "rules": {"type": "array", "items": {"type": "object"}},
        "either": {"oneOf": [TEXT, {"type": "integer"}]},
    },
}


def given(**typed: str) -> dict[str, Any]:
    form = schema_form(SCHEMA)({f"p_{name}": text for name, text in typed.items()})
    assert form.is_valid(), form.errors
    found: dict[str, Any] = form.parameters()  # type: ignore[attr-defined]
    return found


def test_lists_pairs_and_groups_are_typed_as_people_write_them() -> None:
    typed = {"title": "Hi", "aliases": " one \n\ntwo\n", "environment": "A=1\nB = x=y \n"}
    assert given(**typed, **{"mail.host": "mx", "mail.port": "587"}) == {
        "title": "Hi",
        "aliases": ["one", "two"],
        "environment": {"A": "1", "B": "x=y"},
        "mail": {"host": "mx", "port": 587},
    }


def test_what_no_field_can_show_is_its_json_and_the_rest_stays_a_form() -> None:
    found = given(title="Hi", rules='[{"a": 1}]', either="3")
    assert found == {"title": "Hi", "rules": [{"a": 1}], "either": 3}


def test_what_is_left_empty_is_not_given() -> None:
    assert given(title="Hi") == {"title": "Hi"}


@pytest.mark.parametrize(
    ("field", "text", "told"),
    [
        ("environment", "no pair", "“no pair” is no NAME=value."),
        ("environment", "=1", "“=1” is no NAME=value."),
        ("rules", "[", "This is no JSON"),
        ("mail.port", "many", "Enter a whole number."),
        ("title", "", "This field is required."),
    ],
)
def test_what_cannot_be_read_is_told_beside_its_field(field: str, text: str, told: str) -> None:
    form = schema_form(SCHEMA)({"p_title": "Hi", f"p_{field}": text})
    assert not form.is_valid()
    assert told in str(form.errors[f"p_{field}"])


def test_the_form_shows_what_is_there_and_defaults_where_nothing_is() -> None:
    there = {"environment": {"A": "1"}, "mail": {"host": "mx"}, "rules": [1]}
    shown = schema_form(SCHEMA, there=there)().as_div()
    for text in ("A=1", 'value="mx"', "[\n  1\n]", "Mail: Server", "a\nb", 'value="25"'):
        assert text in shown, text


def test_an_error_deep_inside_stands_beside_the_field_that_holds_it() -> None:
    form = schema_form(SCHEMA)({"p_title": "Hi"})
    form.is_valid()
    form.refuse({"mail.port": "too big", "rules.0.a": "too deep", "other": "what"})  # type: ignore[attr-defined]
    assert form.errors["p_mail.port"] == ["too big"]
    assert form.errors["p_rules"] == ["too deep"]
    assert form.errors["__all__"] == ["what"]


@pytest.mark.parametrize("schema", [{"oneOf": [{}]}, {"properties": {"a.b": TEXT}}])
def test_a_schema_whose_properties_hang_together_has_one_field(schema: dict[str, Any]) -> None:
    form = schema_form(schema)({RAW: '{"a.b": "x"}'})
    assert form.is_valid()
    assert form.parameters() == {"a.b": "x"}  # type: ignore[attr-defined]
    assert not schema_form(schema)({RAW: "[]"}).is_valid()


@pytest.mark.parametrize("product", sorted(path.parent.name for path in CATALOGUE.glob("*/*.toml")))
def test_nothing_in_the_catalogue_needs_json_to_be_typed(product: str) -> None:
    for kind in parse(CATALOGUE / product)["types"].values():
        shown = schema_form(kind.get("parameters", {}))().as_div()
        assert "JSON" not in shown
