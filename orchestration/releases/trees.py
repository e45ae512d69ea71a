"""Check what a software type asks of other instances: its children, and on whom it is shared."""

from collections.abc import Iterator, Mapping
from typing import Any

from orchestration.releases.names import Known, holds_secret, wrong
from orchestration.releases.profile import Problem

# A shared instance has no partition: nothing of it can be written, run or asked.
_NEED_A_PARTITION = ("children", "files", "services", "promises", "meters")
Kind = Mapping[str, Any]


def children(where: str, kind: Kind) -> Iterator[Problem]:
    """Return what is wrong with the children; their parameters know the parent's only."""
    rules = kind.get("parameters", {})
    seen: set[str] = set()
    for number, one in enumerate(kind.get("children", [])):
        at = f"{where}/children/{number}"
        if one["name"] in seen:
            what = f"'{one['name']}' stands here for the second time."
            yield Problem(f"{at}/name", what, "Name it otherwise.")
        seen.add(one["name"])
        texts = list(_texts(f"{at}/parameters", one.get("parameters", {})))
        yield from wrong(texts, Known((), rules))
        for place, text in texts:
            if holds_secret(text, kind):
                what = "A secret parameter does not go to a child."
                yield Problem(place, what, "Use what the child publishes itself.")


def shared(where: str, kind: Kind, kinds: Mapping[str, Kind]) -> list[Problem]:
    """Return what is wrong with a type that is an entry on an instance of another type."""
    if "shared_on" not in kind:
        return []
    host = kinds.get(kind["shared_on"])
    if host is None or "shared_on" in host:
        what = f"'{kind['shared_on']}' is no type that has a partition."
        return [Problem(f"{where}/shared_on", what, "Name one of the types of this release.")]
    found = [
        Problem(f"{where}/{group}", "A shared instance has no partition.", "Remove it.")
        for group in _NEED_A_PARTITION
        if kind.get(group)
    ]
    published = (f"host.{key}" for key in host.get("publish", {}))
    known = Known(("reference", *published), kind.get("parameters", {}))
    return found + wrong(_texts(f"{where}/publish", kind.get("publish", {})), known)


def _texts(where: str, value: Any) -> Iterator[tuple[str, str]]:
    """Yield every text in a value of JSON, with its place."""
    if isinstance(value, str):
        yield where, value
    elif isinstance(value, dict | list):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        for key, one in pairs:
            yield from _texts(f"{where}/{key}", one)
