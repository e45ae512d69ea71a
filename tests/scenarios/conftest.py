"""A host on which the catalogue can be built, fresh for every test."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestration.convergence import connections
from orchestration.releases.services import CATALOGUE
from tests.fleet.fleet import PATH, Fleet, Host, missing

DOWNLOAD = "-m pip download --quiet --no-deps --require-hashes --only-binary :all:"
# What the sample application needs of its own, as the Master's own lock names it.
DRIVER = "-m pip download --quiet --no-deps --only-binary :all: psycopg2-binary==2.9.13"


@pytest.fixture(scope="session")
def wheels() -> Iterator[Path]:
    """What the releases install, where hosts find it: they have no way to the outside."""
    why = missing()
    if why:
        pytest.skip(f"NO FLEET: tests on real SSH hosts are left out: {why}")
    # A host has a /tmp of its own; here it sees what we have.
    with tempfile.TemporaryDirectory(dir="/var/cache", prefix="tenantry-wheels-") as place:
        Path(place).chmod(0o755)
        for path in sorted(CATALOGUE.glob("*/requirements.txt")):
            _download(DOWNLOAD, place, "--requirement", str(path))
        _download(DRIVER, place)
        yield Path(place)


def _download(command: str, place: str, *more: str) -> None:
    python = shutil.which("python3", path=PATH)
    words = [f"{python}", *command.split(), "--dest", place, *more]
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"NO WHEELS: the catalogue is not tried: {done.stderr[-300:]}")


@pytest.fixture(scope="module")
def shop(wheels: Path) -> Iterator[Host]:
    with Fleet(1, wheels=wheels) as running:
        yield running.hosts[0]


@pytest.fixture
def host(shop: Host) -> Iterator[Host]:
    """A host as it came from the factory; connections to it are closed afterwards."""
    yield shop
    for _, link, _ in list(connections._open.values()):
        link.close()
    connections._open.clear()
    shop.power_cut()
    shop.run_on_disk("rm -rf upper work own && mkdir upper work")
    shop.power_on()
