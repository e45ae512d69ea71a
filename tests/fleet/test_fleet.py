"""The hosts are real enough: their own users, disks, keys and cables, and nothing is left."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.fleet.fixtures import fleet  # noqa: F401  (a fixture)
from tests.fleet.fleet import CGROUPS, Fleet, missing, sweep

pytestmark = pytest.mark.fleet


def test_a_user_made_on_a_host_is_not_made_here(fleet: Fleet) -> None:  # noqa: F811
    before = Path("/etc/passwd").read_text()
    fleet.hosts[0].run("useradd --system only-there")
    assert "only-there" in fleet.hosts[0].run("cat /etc/passwd")
    assert "only-there" not in fleet.hosts[1].run("cat /etc/passwd")
    assert Path("/etc/passwd").read_text() == before


def test_a_cut_cable_silences_one_host_only(fleet: Fleet) -> None:  # noqa: F811
    one, other = fleet.hosts
    one.cut()
    assert not one.greets()
    assert other.greets()
    one.heal()
    assert one.greets()


def test_files_survive_a_power_cut_and_processes_do_not(fleet: Fleet) -> None:  # noqa: F811
    host = fleet.hosts[0]
    host.run("echo kept > /srv/file; (sleep 1000 &)")
    host.power_cut()
    assert not host.greets()
    host.power_on()
    assert host.run("cat /srv/file; pgrep -c sleep || true").split() == ["kept", "0"]


def test_nothing_is_left_behind() -> None:
    if missing():
        pytest.skip(f"NO FLEET: {missing()}")
    with Fleet(1) as short:
        bridge, base = short.bridge, short.base
    links = subprocess.run(["ip", "link"], capture_output=True, text=True, check=True).stdout
    assert bridge not in links
    assert not base.exists()
    assert str(base) not in Path("/proc/mounts").read_text()


def test_a_fleet_whose_owner_was_killed_is_cleaned_up_by_the_next() -> None:
    if missing():
        pytest.skip(f"NO FLEET: {missing()}")
    owner = subprocess.Popen(
        [sys.executable, "-m", "tests.fleet.fleet", "1"],
        stdout=subprocess.PIPE,
        stdin=subprocess.PIPE,
    )
    assert owner.stdout is not None
    assert owner.stdout.readline().startswith(b"host0 root@10.213.")
    (left,) = [
        path for path in Path(tempfile.gettempdir()).glob("tnfl-*") if is_of(path, owner.pid)
    ]
    bridge = (left / "bridge").read_text()
    owner.kill()
    owner.wait(10)
    sweep()
    assert not left.exists()
    assert str(left) not in Path("/proc/mounts").read_text()
    assert not [link for link in Path("/sys/class/net").iterdir() if link.name.startswith(bridge)]
    assert not [group for groups in CGROUPS for group in groups.glob(f"{bridge}-*")]


def is_of(base: Path, pid: int) -> bool:
    """Say whether a process holds the lock of a fleet's directory."""
    handles = Path(f"/proc/{pid}/fd").iterdir()
    return any(os.path.realpath(handle) == str(base) for handle in handles)
