"""The agent says what its machine needs, as far as the system tells."""

# mypy: disable-error-code="no-untyped-call"

from pathlib import Path
from typing import Any

import pytest

from orchestration.node_agent import upkeep
from orchestration.node_agent.keys import write_keys
from orchestration.node_agent.upkeep import Upkeep, disk_health, needs, reboot, updates
from tests.agent.home import a_home

SIMULATED = """\
NOTE: This is only a simulation!
Inst libc6 [2.36-9] (2.36-10 Debian-Security:12/stable-security [amd64])
Inst bash [5.2-1] (5.2-2 Debian:12.5/stable [amd64])
Conf libc6 (2.36-10 Debian-Security:12/stable-security [amd64])
"""
OLD, NEW = "ssh-ed25519 AAAAold", "ssh-ed25519 AAAAnew"


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Put programs of our own on an otherwise empty PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(upkeep, "REBOOT", tmp_path / "reboot-required")

    def add(name: str, script: str) -> None:
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    return add


def test_updates_are_counted_and_those_for_security_apart(programs: Any) -> None:
    programs("apt-get", f"echo '{SIMULATED}'")
    assert updates() == {"updates_pending": 2, "updates_security": 1}


def test_what_nobody_can_tell_is_not_told(programs: Any) -> None:
    assert (updates(), reboot()) == ({}, {})
    programs("apt-get", "exit 100")
    assert updates() == {}


def test_a_reboot_is_needed_when_the_system_says_so(programs: Any, tmp_path: Path) -> None:
    programs("apt-get", "exit 0")
    assert reboot() == {"reboot_required": False}
    (tmp_path / "reboot-required").touch()
    assert reboot() == {"reboot_required": True}


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("echo 'result: PASSED'; exit 0", "ok"),
        ("echo 'result: FAILED!'; exit 8", "failing: /dev/sda"),
        ("exit 2", "unknown: /dev/sda"),
    ],
)
def test_disks_are_asked_where_smartctl_is(programs: Any, answer: str, said: str) -> None:
    programs("smartctl", f'[ "$1" = --scan ] && echo "/dev/sda -d scsi # x" && exit 0; {answer}')
    assert disk_health() == {"disk_health": said}


def test_the_agent_asks_beside_its_passes_and_not_before_the_services_are_up(
    programs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs("apt-get", f"echo '{SIMULATED}'")
    now = [1000.0]
    monkeypatch.setattr("orchestration.node_agent.upkeep.clock.monotonic", lambda: now[0])
    asks = Upkeep()
    assert asks.look() == {}
    assert asks.thread is None
    now[0] += upkeep.FIRST_SECONDS
    asks.look()
    asks.thread.join(20)  # type: ignore[attr-defined]
    assert asks.look() == needs()
    assert asks.look()["updates_pending"] == 2


def test_exactly_the_given_keys_are_let_in_and_lines_of_others_stay(tmp_path: Path) -> None:
    home, path = a_home(tmp_path / "home"), tmp_path / "authorized_keys"
    path.write_text("ssh-ed25519 AAAAhers her@desk\nssh-ed25519 AAAAx a tenantry-node:N-OTHER\n")
    for keys in ([OLD], [OLD, NEW], [NEW]):
        for _ in range(2):
            write_keys(home, "N-1", keys, str(path))
        lines = path.read_text().splitlines()
        assert lines[:2] == [
            "ssh-ed25519 AAAAhers her@desk",
            "ssh-ed25519 AAAAx a tenantry-node:N-OTHER",
        ]
        assert [line.split('" ')[1] for line in lines[2:]] == [
            f"{key} tenantry-node:N-1" for key in keys
        ]


@pytest.mark.parametrize("keys", [[], [OLD, NEW, OLD], [OLD + "\nssh-ed25519 AAAAevil"]])
def test_what_could_let_a_stranger_in_or_nobody_is_refused(tmp_path: Path, keys: list[str]) -> None:
    path = tmp_path / "authorized_keys"
    path.write_text("before\n")
    with pytest.raises(ValueError, match="key"):
        write_keys(a_home(tmp_path / "home"), "N-1", keys, str(path))
    assert path.read_text() == "before\n"
