"""The whole system, as `./run` starts it, for a browser: real workers, a real node, the demo."""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from config.demo.seed import PASSWORD
from tests.browser import context_of, guard

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 240


@dataclass(frozen=True, slots=True)
class System:
    """A running system with the demo done."""

    url: str
    told: str

    def place(self, kind: str) -> str:
        """Return the path of the last page of a kind that the demo named."""
        return str(re.findall(rf"{re.escape(self.url)}(/{kind}/\S+)", self.told)[-1])


def command(*arguments: str) -> list[str]:
    """Return what `./run` becomes after its set-up."""
    return [sys.executable, "-m", "config.embedded", "run", *arguments]


def environment(var: Path) -> dict[str, str]:
    """Return an environment in which the system brings servers of its own."""
    ours = (
        "DATABASE_URL",
        "DATABASE_OWNER_URL",
        "REDIS_URL",
        "SECRET_KEY",
        "DJANGO_SETTINGS_MODULE",
    )
    outer = {
        name: value
        for name, value in os.environ.items()
        if name not in ours and not name.startswith("TENANTRY_")
    }
    return outer | {"TENANTRY_VAR": str(var), "PYTHONPATH": str(ROOT)}


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Start everything once; it is stopped with Ctrl-C at the end."""
    port = free_port()
    process = subprocess.Popen(
        command("--port", str(port)),
        cwd=ROOT,
        env=environment(tmp_path_factory.mktemp("system") / "var"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield System(f"http://127.0.0.1:{port}", _told(process))
    finally:
        process.terminate()
        assert process.wait(60) in {0, 130}


def _told(process: subprocess.Popen[str]) -> str:
    """Return what the command printed until the portal is open."""
    assert process.stdout is not None
    lines: list[str] = []
    until = time.monotonic() + START_SECONDS
    for line in process.stdout:
        lines.append(line)
        if "The portal is open" in line:
            assert "✗" not in "".join(lines), "".join(lines)
            return "".join(lines)
        assert time.monotonic() < until, "".join(lines)
    raise AssertionError("it ended: " + "".join(lines))


SignIn = Callable[..., Page]


@pytest.fixture
def sign_in(chromium: Browser, system: System) -> Iterator[SignIn]:
    """Sign in with mail and password as a person does; nothing may go wrong in the pages.

    A test that provokes an error on purpose says `strict=False`.
    """
    contexts: list[BrowserContext] = []
    faults: list[str] = []

    def go(mail: str, *, theme: str = "light", width: int = 1280, strict: bool = True) -> Page:
        context = context_of(chromium, system.url, theme, width, scripts=True)
        contexts.append(context)
        page = context.new_page()
        guard(page, system.url, faults if strict else [])
        page.goto(system.url)
        page.get_by_label("Email").fill(mail)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("button", name="Account menu").or_(
            page.locator("summary[aria-label='Account menu']")
        ).first.wait_for()
        return page

    yield go
    for context in contexts:
        context.close()
    assert faults == []
