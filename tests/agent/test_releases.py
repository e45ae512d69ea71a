"""Releases: what is not what it says is refused, what fails is said, what hangs is ended."""

# mypy: disable-error-code="no-untyped-call"

import io
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestration.node_agent import releases as module
from orchestration.node_agent.releases import BadArchive, Releases
from tests.agent.home import a_home, an_archive, no_groups


@pytest.fixture
def releases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Releases:
    home = a_home(tmp_path)
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    return Releases(home, no_groups())


def entry(name: str, **facts: Any) -> Callable[[tarfile.TarFile], None]:
    def add(tar: tarfile.TarFile) -> None:
        one = tarfile.TarInfo(name)
        for key, value in facts.items():
            setattr(one, key, value)
        tar.addfile(one, io.BytesIO(b""))

    return add


def built(releases: Releases, uid: str, *commands: list[str], seconds: int = 20) -> tuple[Any, ...]:
    """Build a release that was accepted; return its (state, reason, log tail)."""
    profile = {"build": {"commands": list(commands), "seconds": seconds}}
    releases.ensure({"uid": uid, "profile": profile})
    releases.threads[uid].join(30)
    state: tuple[Any, ...] = releases.state(uid)
    return state


def accepted(releases: Releases, files: Any = None) -> str:
    uid, archive = an_archive(files if files is not None else {"run.py": "print(1)"})
    releases.accept(uid, archive)
    return uid


def test_a_release_is_built_once_with_its_own_directories(releases: Releases) -> None:
    uid = accepted(releases)
    assert releases.missing([uid]) == []
    command = ["sh", "-c", "test -f {source}/run.py && echo done > {build}/out"]
    assert built(releases, uid, command) == ("ready", "", "")
    assert (releases.path(uid) / "out").read_text() == "done\n"
    assert not releases.archive(uid).exists()
    assert (releases.path(uid) / "source" / "run.py").read_text() == "print(1)"


def test_another_checksum_is_refused(releases: Releases) -> None:
    _, archive = an_archive({"a": "b"})
    with pytest.raises(BadArchive, match="another checksum"):
        releases.accept("0" * 64, archive)
    assert releases.missing(["0" * 64]) == ["0" * 64]


@pytest.mark.parametrize(
    "odd",
    [
        entry("../outside"),
        entry("a/../../outside"),
        entry("/etc/outside"),
        entry("link", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
        entry("hard", type=tarfile.LNKTYPE, linkname="/etc/passwd"),
        entry("fifo", type=tarfile.FIFOTYPE),
        entry("device", type=tarfile.CHRTYPE),
    ],
    ids=["..", "inner ..", "absolute", "link", "hard link", "fifo", "device"],
)
def test_an_archive_that_would_write_elsewhere_is_refused(
    releases: Releases, odd: Callable[[tarfile.TarFile], None]
) -> None:
    state, reason, _ = built(releases, accepted(releases, odd))
    assert (state, reason.split(":")[0]) == ("failed", "the archive holds something odd")
    assert not list(releases.home.path.rglob("outside"))


def test_an_archive_that_is_none_fails_like_any_other(releases: Releases) -> None:
    uid = accepted(releases)
    releases.archive(uid).write_bytes(b"\x1f\x8b broken")
    assert built(releases, uid)[0] == "failed"


def test_a_failed_build_keeps_the_end_of_its_log_and_is_not_tried_again_at_once(
    releases: Releases,
) -> None:
    uid = accepted(releases)
    command = ["sh", "-c", "echo no such package; exit 3"]
    state, reason, tail = built(releases, uid, command)
    assert (state, reason.startswith("the build failed"), "ended with 3" in reason) == (
        "failed",
        True,
        True,
    )
    assert tail.endswith("no such package\n")
    first = releases.threads[uid]
    releases.ensure({"uid": uid, "profile": {}})
    assert releases.threads[uid] is first
    releases.failures[uid].again_at = 0
    assert built(releases, uid, ["true"])[0] == "ready"
    assert releases.failures == {}


def test_a_build_that_hangs_is_ended_with_all_that_it_started(releases: Releases) -> None:
    uid = accepted(releases)
    note = releases.home.path / "pid"
    command = ["sh", "-c", f"sleep 300 & echo $! > {note}; wait"]
    began = time.monotonic()
    state, reason, _ = built(releases, uid, command, seconds=1)
    assert (state, reason) == ("failed", "the build took too long: sh -c " + command[2])
    assert time.monotonic() - began < 10
    assert ends(int(note.read_text()))


def test_what_a_build_leaves_in_the_background_ends_with_it(releases: Releases) -> None:
    uid = accepted(releases)
    note = releases.home.path / "pid"
    assert built(releases, uid, ["sh", "-c", f"sleep 300 & echo $! > {note}"])[0] == "ready"
    assert ends(int(note.read_text()))


def ends(pid: int, *, seconds: float = 5) -> bool:
    """Wait for a process that was killed to be gone; a kill takes a moment."""
    until = time.monotonic() + seconds
    while is_alive(pid) and time.monotonic() < until:
        time.sleep(0.01)
    return not is_alive(pid)


def is_alive(pid: int) -> bool:
    """Say whether a process runs; one that nobody has waited for yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_what_nothing_wants_any_more_is_removed(releases: Releases) -> None:
    kept, gone, waiting = (accepted(releases, {"a": name}) for name in ("kept", "gone", "waiting"))
    for uid in (kept, gone):
        built(releases, uid)
    (releases.home.releases / ".build-left").mkdir()
    releases.prune([kept])
    assert [path.name for path in releases.home.releases.iterdir()] == [kept]
    assert not releases.archive(waiting).exists()


def test_a_build_that_fills_the_disk_is_ended_and_leaves_nothing(releases: Releases) -> None:
    uid = accepted(releases)
    command = ["sh", "-c", "dd if=/dev/zero of=$TMPDIR/big bs=1M count=20; sleep 300"]
    profile = {"build": {"commands": [command], "seconds": 20, "disk_bytes": 2**20}}
    releases.ensure({"uid": uid, "profile": profile})
    releases.threads[uid].join(15)
    state, reason, _ = releases.state(uid)
    assert state == "failed"
    assert reason.startswith("the build holds 20,9")
    assert ", it may hold 1,048,576: sh -c dd" in reason
    assert list(releases.home.releases.iterdir()) == []


def test_of_a_build_that_prints_without_end_the_end_of_the_log_is_kept(
    releases: Releases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LONGEST_LOG", 1000)
    monkeypatch.setattr(module, "KEPT_LOG", 50)
    uid = accepted(releases)
    command = ["sh", "-c", "seq 1000; sleep 1.2; echo the end; exit 3"]
    state, _, tail = built(releases, uid, command)
    assert state == "failed"
    assert tail.endswith("999\n1000\nthe end\n")
    assert len(tail) == 50 + len("the end\n")
