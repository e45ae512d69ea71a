"""Which node an instance goes to, and why not to the others: pure."""

from dataclasses import replace
from typing import Any

import pytest

from orchestration.allocation.choose import Candidate, Ranking, UnknownFilter, Wish, choose

NODE = Candidate(
    pk=1,
    reference="N-1",
    name="one",
    region="paris",
    state="ready",
    free_partitions=2,
    free_memory_bytes=4 * 2**30,
    is_privileged=True,
    shares_customers=False,
)


@pytest.mark.parametrize(
    ("change", "sla", "reason"),
    [
        ({"state": "unreachable"}, {}, "it is unreachable"),
        ({"free_partitions": 0}, {}, "it has no free partition"),
        ({"free_memory_bytes": 2**20}, {}, "it has not enough free memory"),
        ({}, {"region": "lille"}, "the SLA asks for region lille, it is in paris"),
        ({}, {"node": "two"}, "the SLA asks for node two"),
        (
            {"instances": frozenset({"I-9"})},
            {"not_with": ["I-9"]},
            "the SLA keeps it away from I-9",
        ),
        (
            {"is_privileged": False, "customers": frozenset({7})},
            {},
            "it runs all partitions as one user and serves another customer already",
        ),
    ],
)
def test_each_refusal_has_its_reason(
    change: dict[str, Any], sla: dict[str, Any], reason: str
) -> None:
    wish = Wish(organisation=3, memory_bytes=2**30, sla=sla)
    ranking = choose(wish, [replace(NODE, **change)])
    assert ranking == Ranking(fits=(), refused=(("one", reason),))
    assert ranking.reasons() == [f"one: {reason}"]


def test_the_emptiest_node_comes_first() -> None:
    fuller = replace(NODE, pk=2, reference="N-0", free_partitions=1)
    assert choose(Wish(organisation=3), [fuller, NODE]).fits == (NODE, fuller)


def test_an_unknown_filter_is_an_error_at_once() -> None:
    with pytest.raises(UnknownFilter, match="'colour'"):
        choose(Wish(organisation=3, sla={"colour": "red"}), [])


def test_no_node_at_all_is_said() -> None:
    assert choose(Wish(organisation=3), []).reasons() == [Ranking.NOTHING]
