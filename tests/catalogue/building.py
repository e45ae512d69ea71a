"""What the tests of the catalogue's programs share: a release built as nodes build it."""

import importlib
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import ModuleType

import pytest

from orchestration.releases.services import CATALOGUE
from tests.fleet.fleet import PATH

# Nodes have the system's own Python, and so do these programs here.
PYTHON = shutil.which("python3", path=PATH) or "python3"
INSTALL = "-m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --target"


def built(product: str, place: Path) -> Path:
    """Install what a release locks; skip loudly where nothing can be had."""
    locked = CATALOGUE / product / "requirements.txt"
    command = [PYTHON, *INSTALL.split(), str(place / "lib"), "--requirement", str(locked)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"NO WHEELS: {product} is not tried: {done.stderr[-300:]}")
    return place


def free_ports(count: int) -> list[int]:
    """Return ports that nobody has."""
    with ExitStack() as held:
        taken = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in taken:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in taken]


def wait_for(look: Callable[[], bool], *, seconds: float = 20, what: str = "") -> None:
    """Wait until something is so; fail when it does not become so."""
    end = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < end, f"it did not happen in time: {what}"
        time.sleep(0.05)


@contextmanager
def parts(product: str, *names: str) -> Iterator[list[ModuleType]]:
    """Import a release's own modules, which stand beside each other, and forget them again."""
    place = str(CATALOGUE / product)
    own = {path.stem for path in Path(place).glob("*.py")}
    sys.path.insert(0, place)
    try:
        yield [importlib.import_module(name) for name in names]
    finally:
        sys.path.remove(place)
        for name in own & set(sys.modules):
            del sys.modules[name]
