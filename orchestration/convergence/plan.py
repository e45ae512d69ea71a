"""What would change on a node, in words: pure, and empty when nothing would."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, order=True)
class Step:
    """One change on one partition."""

    partition: str
    what: str

    def __str__(self) -> str:
        return f"{self.partition}: {self.what}"


def plan(desired: Mapping[str, Any], observed: Sequence[Mapping[str, Any]]) -> list[Step]:
    """Return the steps that turn what was observed into what is desired.

    Args:
        desired: the document.
        observed: one mapping per partition with `name`, `instance`, `generation`, `state`.
    """
    found = {one["name"]: one for one in observed}
    steps = (_step(slot, found.get(slot["name"])) for slot in desired["partitions"])
    return sorted(step for step in steps if step)


def _step(slot: Mapping[str, Any], found: Mapping[str, Any] | None) -> Step | None:
    name, wanted = slot["name"], slot["instance"]
    there = found["instance"] if found else ""
    if wanted is None:
        return Step(name, f"wipe what is left of {there}") if there else None
    uid, state = wanted["uid"], wanted["requested_state"]
    if state == "destroyed":
        is_gone = found is not None and there == uid and found["state"] == "wiped"
        return None if is_gone else Step(name, f"destroy {uid} with its data")
    if there != uid:
        return Step(name, f"install {uid} and have it {state}")
    assert found is not None
    if found["generation"] != wanted["generation"]:
        return Step(name, f"change {uid} to generation {wanted['generation']}, {state}")
    if found["state"] != state:
        return Step(name, f"bring {uid} from {found['state']} to {state}")
    return None
