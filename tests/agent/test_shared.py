"""What is shared on a partition lies in a file; its program's answer is a stranger's."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from orchestration.node_agent.shared import FILE, STATUS, Entries

TWO = [
    {
        "uid": "I-B",
        "generation": 2,
        "requested_state": "stopped",
        "parameters": {"domain": "b.example"},
    },
    {
        "uid": "I-A",
        "generation": 1,
        "requested_state": "started",
        "parameters": {"domain": "a.example"},
    },
]


@pytest.fixture
def entries(tmp_path: Path) -> Any:
    made: Any = Entries(tmp_path)  # type: ignore[no-untyped-call]
    made.write(TWO, None)
    return made


def test_the_entries_keep_their_order_and_are_for_the_programs_eyes_only(
    entries: Any, tmp_path: Path
) -> None:
    assert json.loads((tmp_path / FILE).read_text()) == [
        {
            "reference": "I-B",
            "generation": 2,
            "requested_state": "stopped",
            "parameters": {"domain": "b.example"},
        },
        {
            "reference": "I-A",
            "generation": 1,
            "requested_state": "started",
            "parameters": {"domain": "a.example"},
        },
    ]
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600


def test_a_file_that_is_right_is_left_alone_and_one_changed_by_hand_is_put_back(
    entries: Any, tmp_path: Path
) -> None:
    before = (tmp_path / FILE).stat().st_ino
    entries.write(TWO, None)
    assert (tmp_path / FILE).stat().st_ino == before
    good = (tmp_path / FILE).read_text()
    (tmp_path / FILE).write_text("[]")
    entries.write(TWO, None)
    assert (tmp_path / FILE).read_text() == good


def test_the_programs_word_is_reported_entry_by_entry(entries: Any, tmp_path: Path) -> None:
    said = {
        "I-A": {"generation": 1, "ok": True, "message": ""},
        "I-B": {"generation": 1, "ok": False, "message": "of what it was before"},
        "I-C": {"generation": 1, "ok": True, "message": "not ours"},
    }
    (tmp_path / STATUS).write_text(json.dumps(said))
    assert entries.report() == [
        {"uid": "I-B", "generation": 2, "ok": None, "message": ""},
        {"uid": "I-A", "generation": 1, "ok": True, "message": ""},
    ]


@pytest.mark.parametrize(
    "said", ["", "no", "[]", '{"I-A": 1, "I-B": {"ok": "yes"}}', "[" * 200_000]
)
def test_nonsense_says_nothing(entries: Any, tmp_path: Path, said: str) -> None:
    (tmp_path / STATUS).write_text(said)
    assert [one["ok"] for one in entries.report()] == [None, None]


def test_a_message_is_cut(entries: Any, tmp_path: Path) -> None:
    (tmp_path / STATUS).write_text(
        json.dumps({"I-A": {"generation": 1, "ok": False, "message": "x" * 999}})
    )
    assert len(entries.report()[1]["message"]) == 300


@pytest.mark.parametrize("kind", ["link", "pipe", "hard link", "directory"])
def test_only_a_plain_file_is_read(entries: Any, tmp_path: Path, kind: str) -> None:
    other = tmp_path / "other"
    other.write_text('{"I-A": {"generation": 1, "ok": true}}')
    make = {
        "link": lambda: (tmp_path / STATUS).symlink_to(other),
        "pipe": lambda: os.mkfifo(tmp_path / STATUS),
        "hard link": lambda: os.link(other, tmp_path / STATUS),
        "directory": lambda: (tmp_path / STATUS).mkdir(),
    }
    make[kind]()
    assert [one["ok"] for one in entries.report()] == [None, None]


def test_nothing_shared_is_nothing_reported(tmp_path: Path) -> None:
    assert Entries(tmp_path).report() == []  # type: ignore[no-untyped-call]
