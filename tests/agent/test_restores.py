"""A restore is done once for each wish and snapshot, and never taken for another."""

# mypy: disable-error-code="no-untyped-call"

from pathlib import Path
from typing import Any

import pytest

from orchestration.node_agent.node import Node
from tests.agent.home import a_home


@pytest.mark.parametrize(
    ("changes", "is_done"),
    [
        ({}, True),
        ({"snapshot": "bbbbbbbb"}, False),
        ({"number": 8}, False),
    ],
)
def test_a_wish_is_done_when_its_own_snapshot_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], is_done: bool
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    restores = Node(a_home(tmp_path), "v").restores
    restores.done["p0"] = {"uid": "I-1", "number": 7, "snapshot": "aaaaaaaa", "seconds": 1}
    asked = {"number": 7, "snapshot": "aaaaaaaa"} | changes
    assert restores.is_done("p0", {"uid": "I-1", "restore": asked}) == is_done
    assert not restores.is_done("p0", {"uid": "I-2", "restore": asked})
    assert not restores.is_done("p1", {"uid": "I-1", "restore": asked})
    assert restores.is_done("p1", {"uid": "I-1"})
