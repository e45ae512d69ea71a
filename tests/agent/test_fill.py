"""Values go into templates escaped, and nothing else in a template is special."""

# mypy: disable-error-code="no-untyped-call"

from typing import Any

import pytest

from orchestration.node_agent.fill import fill, values_of, with_defaults
from orchestration.node_agent.home import Home

VALUES = {"address": "127.0.0.1", "port": 80, "parameters.title": 'A "b" <i> & {address}'}


@pytest.mark.parametrize(
    ("escape", "shown"),
    [
        ("none", 'A "b" <i> & {address}'),
        ("html", "A &quot;b&quot; &lt;i&gt; &amp; {address}"),
        ("json", 'A \\"b\\" <i> & {address}'),
    ],
)
def test_a_value_is_escaped_once_and_never_filled_again(escape: str, shown: str) -> None:
    assert fill("{parameters.title}", VALUES, escape) == shown


def test_braces_that_name_nothing_stay() -> None:
    text = "a { b } {} {unknown} {parameters.unknown} ${HOME} {{address}}"
    assert fill(text, VALUES) == text.replace("{{address}}", "{127.0.0.1}")


@pytest.mark.parametrize(
    ("value", "shown"),
    [(True, "true"), (None, "null"), (3, "3"), (["é"], '["\\u00e9"]'), ({"a": 1}, '{"a": 1}')],
)
def test_what_is_no_text_is_written_as_json(value: Any, shown: str) -> None:
    assert fill("{parameters.x}", {"parameters.x": value}, "json") == shown


def test_defaults_fill_what_was_not_given_and_nothing_else() -> None:
    schema = {"properties": {"a": {"default": 1}, "b": {"default": None}, "c": {}, "d": True}}
    assert with_defaults({"a": 2, "z": 3}, schema) == {"a": 2, "b": None, "z": 3}
    assert with_defaults({}, {}) == {}


def test_a_release_may_use_the_address_every_port_parameters_and_secrets() -> None:
    partition = {"name": "p0", "address": "::1", "port_first": 21000, "port_count": 3}
    instance = {"parameters": {"title": "T"}, "secrets": {"password": "s"}}
    values = values_of(partition, instance, Home("/srv/t"), "/srv/t/releases/r")
    assert values == {
        "address": "::1",
        "address6": "",
        "addresses": "::1",
        "url_host": "[::1]",
        "port": 21000,
        "port1": 21001,
        "port2": 21002,
        "partition": "/srv/t/partitions/p0",
        "release": "/srv/t/releases/r",
        "parameters.title": "T",
        "secrets.password": "s",
    }


def test_ports_with_a_number_and_parameters_in_capitals_are_names_too() -> None:
    values = {"port": 1, "port1": 2, "parameters.maxSize": 3}
    assert fill("{port} {port1} {parameters.maxSize}", values) == "1 2 3"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://{address}:{port}/", "http://[2001:db8::1]:80/"),
        ("postgresql://u:p@{address}:{port}/d", "postgresql://u:p@[2001:db8::1]:80/d"),
        ("--host={address} {address6}", "--host=2001:db8::1 2001:db8::1"),
        ("{url_host}:{port} {addresses}", "[2001:db8::1]:80 2001:db8::1"),
    ],
)
def test_an_ipv6_address_stands_in_brackets_in_a_url_and_nowhere_else(
    text: str, shown: str
) -> None:
    partition = {
        "name": "p0",
        "address": "2001:db8::1",
        "address6": "2001:db8::1",
        "port_first": 80,
        "port_count": 1,
    }
    values = values_of(partition, {}, Home("/srv/x"), "/srv/r")
    assert fill(text, values) == shown


def test_a_node_without_ipv6_has_one_address_and_one_with_both_has_two() -> None:
    partition = {
        "name": "p0",
        "address": "192.0.2.1",
        "address6": None,
        "port_first": 80,
        "port_count": 1,
    }
    home = Home("/srv/x")
    only = values_of(partition, {}, home, "")
    assert [only[name] for name in ("addresses", "address6", "url_host")] == [
        "192.0.2.1",
        "",
        "192.0.2.1",
    ]
    both = values_of(dict(partition, address6="2001:db8::1"), {}, home, "")
    assert both["addresses"] == "192.0.2.1,2001:db8::1"
