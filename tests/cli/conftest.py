"""A real server process on the test's database, and the command line as a process beside it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from erp.base.doors import now
from erp.customers import tokens
from erp.customers.models import Member
from erp.customers.states import Right
from tests.bench.ordering import _free_port, _served
from tests.bench.shop import Shop, a_shop
from tests.bench.workers import environment

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Done:
    """What a command said."""

    code: int
    out: str
    err: str

    def data(self) -> Any:
        assert self.code in {0, 2}, self.err
        return json.loads(self.out)


@dataclass(frozen=True, slots=True)
class Shell:
    """The command line of one person, with a configuration of its own."""

    shop: Shop
    url: str
    token: str
    config: Path

    def __call__(self, *arguments: str, typed: str = "", **env: str) -> Done:
        """Run a command."""
        known: Mapping[str, str] = os.environ | {"TENANTRY_CONFIG": str(self.config), **env}
        done = subprocess.run(
            [sys.executable, "-m", "cli", *arguments],
            cwd=ROOT,
            env=known,
            input=typed,
            capture_output=True,
            text=True,
            timeout=120,
        )
        return Done(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="session")
def server(django_db_setup: None, django_db_blocker: Any) -> Iterator[str]:
    """Serve the portal as it is run, until the last test."""
    with django_db_blocker.unblock():
        env = environment() | {"TENANTRY_API_PER_MINUTE": "1000000"}
    port = _free_port()
    command = [sys.executable, "-m", "gunicorn", "config.wsgi", "--bind", f"127.0.0.1:{port}"]
    command += ["--worker-class", "gthread", "--workers", "1", "--threads", "4"]
    with _served(command, port, cwd=ROOT, env=env):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def shell(transactional_db: None, server: str, tmp_path: Path) -> Shell:
    """Return the command line of somebody who may order, logged in."""
    shop = a_shop()
    member = Member.objects.get(user=shop.buyer)
    scopes = sorted(member.rights)
    _, token = tokens.make(member, name="cli", scopes=scopes, days=None, at=now())
    made = Shell(shop, server, token, tmp_path / "login.json")
    done = made("login", server, typed=token + "\n")
    assert done.code == 0, done.err
    return made


@pytest.fixture
def weak(shell: Shell, tmp_path: Path) -> Callable[..., Done]:
    """Return the command line of a token that may only look."""
    member = Member.objects.get(user=shell.shop.buyer)
    _, token = tokens.make(member, name="weak", scopes=[Right.SEE], days=None, at=now())

    def run(*arguments: str) -> Done:
        return shell(*arguments, TENANTRY_URL=shell.url, TENANTRY_TOKEN=token)

    return run
