"""Which node an instance goes to, and why not to the others: pure."""

from dataclasses import replace
from typing import Any

import pytest

from orchestration.allocation.choose import (
    BadFilter,
    Candidate,
    Ranking,
    UnknownFilter,
    Wish,
    choose,
)

NODE = Candidate(
    pk=1,
    reference="N-1",
    name="one",
    region="paris",
    state="ready",
    free_partitions=2,
    free_memory_bytes=4 * 2**30,
    free_disk_bytes=8 * 2**30,
    is_privileged=True,
    shares_customers=False,
)


@pytest.mark.parametrize(
    ("change", "sla", "reason"),
    [
        ({"state": "unreachable"}, {}, "it is unreachable"),
        (
            {"state": "closed", "closed_for": "hand", "state_reason": "new disks"},
            {},
            "it is closed (new disks)",
        ),
        ({"free_partitions": 0}, {}, "it has no free partition"),
        ({"free_memory_bytes": 2**20}, {}, "it has not enough free memory"),
        ({"free_disk_bytes": 2**20}, {}, "it has not enough free disk"),
        ({}, {"region": "lille"}, "the SLA asks for region lille, it is in paris"),
        (
            {},
            {"regions": ["lille", "metz"]},
            "the contract keeps it in the regions lille, metz, it is in paris",
        ),
        (
            {"country": "US"},
            {"countries": ["FR", "DE"]},
            "the contract keeps its data in FR, DE, it is in US",
        ),
        (
            {},
            {"countries": ["FR"]},
            "the contract keeps its data in FR, nobody said where it is",
        ),
        (
            {"network": "blue"},
            {"network": "red"},
            "the SLA asks for network red, it is in blue",
        ),
        ({}, {"network": "red"}, "the SLA asks for network red, it is in none"),
        ({}, {"node": "two"}, "the SLA asks for node two"),
        (
            {"labels": frozenset({"ssd"})},
            {"labels": ["ssd", "gpu"]},
            "the SLA asks for gpu, which it has not",
        ),
        ({"dedicated_to": "O-9/"}, {}, "it is dedicated to another organisation"),
        ({}, {"dedicated": True}, "the SLA asks for a dedicated node, it is for everybody"),
        ({}, {"with": ["C-9"]}, "the SLA asks for the node of C-9, which is not on it"),
        (
            {"neighbours": frozenset({"I-9", "C-9"})},
            {"not_with": ["I-9"]},
            "the SLA keeps it away from I-9",
        ),
        (
            {"network": "blue", "like_in_network": "I-9"},
            {"unique_by_network": True},
            "the SLA asks for one per network, and I-9 is in blue already",
        ),
        (
            {},
            {"unique_by_network": True},
            "the SLA asks for a network of its own, and it is in none",
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
    wish = Wish(organisation=3, path="O-1/O-3/", memory_bytes=2**30, disk_bytes=2**30, sla=sla)
    node = replace(NODE, **change)
    ranking = choose(wish, [node])
    assert ranking == Ranking(fits=(), refused=((node, reason),))
    assert ranking.reasons() == [f"one: {reason}"]


@pytest.mark.parametrize(
    ("change", "sla"),
    [
        ({}, {"region": "paris", "regions": ["paris"], "node": "one"}),
        ({}, {"node": "N-1"}),
        ({"country": "FR"}, {"countries": ["DE", "FR"]}),
        ({"network": "red"}, {"network": "red", "unique_by_network": True}),
        ({"labels": frozenset({"ssd", "gpu"})}, {"labels": ["gpu"]}),
        ({"dedicated_to": "O-1/O-3/"}, {"dedicated": True}),
        ({"dedicated_to": "O-1/"}, {}),
        ({"neighbours": frozenset({"C-9"})}, {"with": ["C-9"], "not_with": ["C-8"]}),
        ({"is_privileged": False, "customers": frozenset({3})}, {}),
        ({"free_memory_bytes": None, "free_disk_bytes": None}, {}),
        ({"state": "closed", "closed_for": "capacity"}, {}),
    ],
)
def test_what_is_as_wished_fits(change: dict[str, Any], sla: dict[str, Any]) -> None:
    wish = Wish(organisation=3, path="O-1/O-3/", memory_bytes=2**30, disk_bytes=2**30, sla=sla)
    assert choose(wish, [replace(NODE, **change)]).refused == ()


def test_all_that_stands_against_a_node_is_said() -> None:
    node = replace(NODE, state="draining", free_partitions=0)
    wish = Wish(organisation=3, sla={"region": "lille"})
    assert choose(wish, [node]).reasons() == [
        "one: it is draining; the SLA asks for region lille, it is in paris; "
        "it has no free partition"
    ]


def test_the_reasons_of_many_nodes_are_counted() -> None:
    full = [replace(NODE, pk=n, name=f"n{n}", free_partitions=0) for n in range(30)]
    away = replace(NODE, pk=99, name="away", state="unreachable")
    assert choose(Wish(organisation=3), [*full, away]).reasons() == [
        "30 nodes (such as n0): it has no free partition",
        "away: it is unreachable",
    ]


def test_the_emptiest_node_comes_first() -> None:
    fuller = replace(NODE, pk=2, reference="N-0", free_partitions=1)
    assert choose(Wish(organisation=3), [fuller, NODE]).fits == (NODE, fuller)


def test_an_unknown_filter_is_an_error_at_once() -> None:
    with pytest.raises(UnknownFilter, match="'colour'; there are: countries, dedicated, labels"):
        choose(Wish(organisation=3, sla={"colour": "red"}), [])


def test_no_node_at_all_is_said() -> None:
    assert choose(Wish(organisation=3), []).reasons() == [Ranking.NOTHING]


@pytest.mark.parametrize(
    "sla",
    [
        {"region": ""},
        {"region": 7},
        {"region": "a b"},
        {"region": "\0"},
        {"countries": "FR"},
        {"countries": ["fr"]},
        {"countries": []},
        {"not_with": "I-9"},
        {"labels": ["x" * 61]},
        {"dedicated": "yes"},
    ],
)
def test_a_value_that_no_filter_can_have_is_an_error_at_once(sla: dict[str, Any]) -> None:
    name = next(iter(sla))
    with pytest.raises(BadFilter, match=f"The SLA filter '{name}' cannot be so"):
        choose(Wish(organisation=3, sla=sla), [NODE])
