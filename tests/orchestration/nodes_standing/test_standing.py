"""Which promises of a node fail, in words, and when it is well again: pure."""

from typing import Any

import pytest

from orchestration.nodes.standing import failing, full, in_words

GIB = 2**30
WELL: dict[str, Any] = {
    "disk_bytes": 100 * GIB,
    "disk_free_bytes": 50 * GIB,
    "memory_bytes": 8 * GIB,
    "memory_available_bytes": 4 * GIB,
    "cpus": 2,
    "load_per_cent": 150,
}


@pytest.mark.parametrize(
    ("change", "offset", "found"),
    [
        ({}, 59_000, {}),
        (
            {"disk_free_bytes": 4 * GIB},
            0,
            {"disk": "4 % of the disk is free; 8 % should be"},
        ),
        (
            {"memory_available_bytes": GIB // 8},
            None,
            {"memory": "1 % of the memory is free; 6 % should be"},
        ),
        (
            {"load_per_cent": 3300},
            0,
            {"load": "the load is 33 on 2 processors; 8 each is much"},
        ),
        ({}, -61_000, {"clock": "the clock is 61.0 seconds behind the Master's"}),
        ({}, 3_600_000, {"clock": "the clock is 60 minutes ahead of the Master's"}),
        ({"disk_free_bytes": "none", "memory_bytes": True, "cpus": -1}, 0, {}),
        ({"disk_bytes": 0, "cpus": 0}, 0, {}),
    ],
)
def test_each_promise_says_what_is_wrong(
    change: dict[str, Any], offset: int | None, found: dict[str, str]
) -> None:
    assert failing(WELL | change, offset) == found


@pytest.mark.parametrize(
    ("name", "change", "offset"),
    [
        ("disk", {"disk_free_bytes": 6 * GIB}, 0),
        ("memory", {"memory_available_bytes": 4 * 8 * GIB // 100}, 0),
        ("load", {"load_per_cent": 1700}, 0),
        ("clock", {}, 55_000),
    ],
)
def test_what_failed_is_kept_again_by_a_margin_only(
    name: str, change: dict[str, Any], offset: int
) -> None:
    assert failing(WELL | change, offset) == {}
    assert list(failing(WELL | change, offset, already=[name])) == [name]
    assert failing(WELL, 0, already=[name]) == {}


def test_a_node_is_full_by_partitions_or_by_promised_memory() -> None:
    assert full(WELL, free_partitions=0, reserved_memory_bytes=0) == "it has no free partition"
    assert full(WELL, free_partitions=1, reserved_memory_bytes=8 * GIB) == (
        "all its memory is promised"
    )
    assert full(WELL, free_partitions=1, reserved_memory_bytes=8 * GIB - 1) == ""
    assert full({}, free_partitions=1, reserved_memory_bytes=8 * GIB) == ""


def test_an_offset_is_read_as_people_say_it() -> None:
    assert in_words(-499) == in_words(0) == "the same as the Master's"
    assert in_words(2500) == "2.5 seconds ahead of the Master's"
