"""Fill `{address}`, `{parameters.title}` and the like into texts; nothing else is special."""

import html
import json
import re

NAME = re.compile(r"\{([a-z_]+[0-9]*(?:\.[A-Za-z0-9_-]+){0,2})\}")


# Behind `://` or `@` an address is part of a URL, where one of IPv6 stands in brackets.
ADDRESSES = ("address", "address6")


def in_url(address):
    """Return an address as URLs write it."""
    return f"[{address}]" if ":" in address else address


def fill(text, values, escape="none"):
    """Return the text with names of `values` replaced; other braces stay as they are.

    Args:
        values: flat, e.g. `{"address": "127.0.0.1", "parameters.title": "Hello"}`.
        escape: how a value is written: `none`, `html`, or `json` (inside quotes or bare).
    """

    def replace(found):
        name = found.group(1)
        if name not in values:
            return found.group(0)
        is_in_url = name in ADDRESSES and text[: found.start()].endswith(("://", "@"))
        return written(in_url(values[name]) if is_in_url else values[name], escape)

    return NAME.sub(replace, text)


def written(value, escape):
    """Return one value as it stands in the text."""
    if escape == "json":
        return json.dumps(value)[1:-1] if isinstance(value, str) else json.dumps(value)
    plain = value if isinstance(value, str) else json.dumps(value)
    return html.escape(plain) if escape == "html" else plain


def values_of(partition, instance, home, release):
    """Return all names that a release may use."""
    address, address6 = partition["address"], partition.get("address6") or ""
    values = {
        "address": address,
        "address6": address6,
        # All that services listen on, each once.
        "addresses": ",".join(dict.fromkeys(one for one in (address, address6) if one)),
        "url_host": in_url(address),
        "port": partition["port_first"],
        "partition": str(home.partitions / partition["name"]),
        "release": str(release),
    }
    for offset in range(1, partition["port_count"]):
        values[f"port{offset}"] = partition["port_first"] + offset
    for group in ("parameters", "secrets"):
        for name, value in instance.get(group, {}).items():
            values[f"{group}.{name}"] = value
    for child, connection in instance.get("children", {}).items():
        for name, value in connection.items():
            values[f"children.{child}.{name}"] = value
    return values


def with_defaults(parameters, schema):
    """Return the parameters with the defaults of the schema for those that are not given."""
    filled = {
        name: rule["default"]
        for name, rule in schema.get("properties", {}).items()
        if isinstance(rule, dict) and "default" in rule
    }
    filled.update(parameters)
    return filled
