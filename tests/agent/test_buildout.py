"""zc.buildout builds a release from the wheels that the release locks, and from nothing else."""

# mypy: disable-error-code="no-untyped-call"

import shutil
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestration.node_agent.releases import Releases
from orchestration.releases.archive import pack, uid_of
from orchestration.releases.check import read
from tests.agent.home import a_home, no_groups

TABLE = Path(__file__).resolve().parents[1] / "orchestration" / "releases" / "data" / "table"
PYTHON = "/usr/bin/python3"


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The locked wheels; loudly left out where there is no way to them."""
    place = tmp_path_factory.mktemp("wheels")
    asked = "-m pip download --quiet --no-deps --require-hashes --only-binary :all:"
    locked = str(TABLE / "requirements.txt")
    done = subprocess.run(
        [PYTHON, *asked.split(), "--dest", str(place), "--requirement", locked],
        capture_output=True,
        text=True,
    )
    if done.returncode:
        pytest.skip(f"NO WHEELS: zc.buildout is not tried: {done.stderr[-300:]}")
    yield place


@pytest.fixture
def releases(tmp_path: Path, wheels: Path, monkeypatch: pytest.MonkeyPatch) -> Releases:
    home = a_home(tmp_path)
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    return Releases(home, no_groups())


def built(releases: Releases, directory: Path) -> tuple[str, str, str]:
    """Build a directory as a node does; return its name and (state, end of the log)."""
    archive = pack(directory)
    uid = uid_of(archive)
    releases.accept(uid, b64encode(archive))
    releases.ensure({"uid": uid, "profile": read(directory)})
    releases.threads[uid].join(200)
    state, reason, tail = releases.state(uid)
    return uid, state, reason + tail


def test_scripts_run_from_where_the_release_stands_in_the_end(releases: Releases) -> None:
    uid, state, said = built(releases, TABLE)
    assert (state, said) == ("ready", "")
    program = releases.path(uid) / "bin" / "tabulate"
    assert ".build-" not in program.read_text()
    shown = subprocess.run(
        [program], input="a 1\nb 2\n", capture_output=True, text=True, check=True
    )
    assert shown.stdout.splitlines() == ["-  -", "a  1", "b  2", "-  -"]


def test_a_part_that_wants_more_than_is_locked_fails_and_says_what(
    releases: Releases, tmp_path: Path
) -> None:
    copy = shutil.copytree(TABLE, tmp_path / "copy")
    profile = copy / "buildout.cfg"
    profile.write_text(profile.read_text().replace("eggs = tabulate", "eggs = six"))
    _, state, said = built(releases, copy)
    assert state == "failed"
    assert "Couldn't find a distribution for 'six'" in said
    assert list(releases.home.releases.iterdir()) == []
