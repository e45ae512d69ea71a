"""The hosts are real enough: their own users, disks, keys and cables, and nothing is left."""

import subprocess
from pathlib import Path

import pytest

from tests.fleet.fleet import Fleet, missing
from tests.fleet.fixtures import fleet  # noqa: F401  (a fixture)

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
