"""The plan says what would change, and nothing when nothing would."""

import json
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from orchestration.convergence.plan import plan

GOLDEN = Path(__file__).with_name("golden") / "plan.json"

names = st.sampled_from(["p0", "p1", "p2", "p3"])
uids = st.sampled_from(["I-A", "I-B", "I-C"])
wanted = st.fixed_dictionaries(
    {
        "uid": uids,
        "generation": st.integers(1, 3),
        "requested_state": st.sampled_from(["started", "stopped", "destroyed"]),
    }
)
slots = st.dictionaries(names, st.none() | wanted).map(
    lambda found: [{"name": name, "instance": one} for name, one in found.items()]
)
found = st.dictionaries(
    names,
    st.fixed_dictionaries(
        {
            "instance": uids,
            "generation": st.integers(1, 3),
            "state": st.sampled_from(["started", "stopped", "starting", "failed", "wiped"]),
        }
    ),
).map(lambda all: [{"name": name} | one for name, one in all.items()])


def test_the_plan_is_said_in_words() -> None:
    golden = json.loads(GOLDEN.read_text())
    steps = plan(golden["desired"], golden["observed"])
    assert [str(step) for step in steps] == golden["steps"]


def as_wanted(slot: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what is observed of a partition that is as its document says."""
    one = slot["instance"]
    if one is None:
        return []
    state = {"destroyed": "wiped"}.get(one["requested_state"], one["requested_state"])
    return [
        {
            "name": slot["name"],
            "instance": one["uid"],
            "generation": one["generation"],
            "state": state,
        }
    ]


@given(slots)
def test_what_is_as_desired_needs_no_step(partitions: list[dict[str, Any]]) -> None:
    observed = [one for slot in partitions for one in as_wanted(slot)]
    assert plan({"partitions": partitions}, observed) == []


@given(slots, found)
def test_after_all_steps_nothing_is_left_to_do(
    partitions: list[dict[str, Any]], observed: list[dict[str, Any]]
) -> None:
    steps = plan({"partitions": partitions}, observed)
    touched = {step.partition for step in steps}
    after = [one for one in observed if one["name"] not in touched]
    after += [one for slot in partitions if slot["name"] in touched for one in as_wanted(slot)]
    assert plan({"partitions": partitions}, after) == []


@given(slots, found)
def test_each_partition_has_one_step_at_most_and_the_order_does_not_count(
    partitions: list[dict[str, Any]], observed: list[dict[str, Any]]
) -> None:
    steps = plan({"partitions": partitions}, observed)
    assert len({step.partition for step in steps}) == len(steps)
    assert plan({"partitions": partitions[::-1]}, observed[::-1]) == steps
