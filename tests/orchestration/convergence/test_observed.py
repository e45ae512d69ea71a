"""What a hostile node may send is refused as a whole, or cut to its bound."""

from typing import Any

import pytest

from orchestration.convergence import observed
from orchestration.convergence.observed import BadReport, parse
from tests.orchestration.convergence.reports import a_partition, a_release, a_report


def test_an_honest_report_is_read() -> None:
    report = parse(a_report(), node="N-1")
    (partition,) = report.partitions
    assert (partition.instance, partition.generation, partition.state) == ("I-1", 1, "started")
    assert partition.connection == {"url": "http://127.0.0.1:21000/"}
    assert report.facts == {"cpus": 2, "privileged": True, "os": "Debian"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"node": "N-2"}, "of another node"),
        ({"format": "tenantry.report/2"}, "format"),
        ({"partitions": [a_partition(state="rooted")]}, "unknown state 'rooted'"),
        ({"releases": [a_release(state="rooted")]}, "unknown state of a release"),
        ({"partitions": [a_partition()] * 2}, "twice of one of its partitions"),
        ({"releases": [a_release()] * 2}, "twice of one of its releases"),
        ({"partitions": [a_partition(name=str(n)) for n in range(1001)]}, "too many"),
        ({"releases": [a_release(uid=str(n)) for n in range(1001)]}, "too many"),
        ({"partitions": [a_partition(reason=["x"])]}, "a text was expected"),
        ({"partitions": [a_partition(connection={"url": 1})]}, "a text was expected"),
        ({"partitions": [a_partition(connection=["url"])]}, "cannot be read"),
        ({"partitions": [a_partition(state=["started"])]}, "cannot be read"),
        ({"partitions": [a_partition(generation=float("inf"))]}, "cannot be read"),
        ({"partitions": [a_partition(promises=[{"name": "x"}])]}, "cannot be read"),
        ({"partitions": None}, "cannot be read"),
        ({"partitions": [None]}, "cannot be read"),
        ({"samples": [1]}, "cannot be read"),
        ({"facts": {"cpus": float("nan")}}, "a text was expected"),
        ({"facts": {"cpus": {"deep": 1}}}, "a text was expected"),
        ({"revision": None}, "a text was expected"),
    ],
)
def test_a_report_that_cannot_be_right_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(BadReport, match=message):
        parse(a_report(**change), node="N-1")


@pytest.mark.parametrize("number", [2**63, -(2**63), 10**4000])
def test_a_number_beyond_all_bounds_is_refused(number: int) -> None:
    with pytest.raises(BadReport, match="beyond all bounds"):
        parse(a_report(facts={"memory_bytes": number}), node="N-1")
    found = parse(a_report(facts={"memory_bytes": 2**63 - 1}), node="N-1")
    assert found.facts == {"memory_bytes": 2**63 - 1}


def test_a_report_without_a_field_is_refused() -> None:
    for name in set(a_report()) - {"boot_id", "fence", "position"}:
        part = {key: value for key, value in a_report().items() if key != name}
        with pytest.raises(BadReport):
            parse(part, node="N-1")


def test_texts_are_cut_and_hold_what_the_database_can() -> None:
    odd = "a\x00b" + "\ud800" + "c" * 10_000
    one = a_partition(reason=odd, log_tail=odd, connection={"k" * 99: odd})
    (found,) = parse(a_report(partitions=[one]), node="N-1").partitions
    assert found.reason.startswith("ab?ccc")
    assert len(found.reason) < observed.LONGEST_TEXT
    assert {len(name): len(value) for name, value in found.connection.items()} == {60: 1999}
    found.log_tail.encode("utf-8")


def test_lists_are_cut_to_their_bounds() -> None:
    one = a_partition(
        connection={str(n): "" for n in range(99)}, promises=a_partition()["promises"] * 99
    )
    report = parse(
        a_report(partitions=[one], facts={str(n): 1 for n in range(999)}, events=[{}] * 9999),
        node="N-1",
    )
    (found,) = report.partitions
    assert (len(found.connection), len(found.promises)) == (50, 50)
    assert (len(report.facts), len(report.events)) == (100, 1000)
