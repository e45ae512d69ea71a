"""Fixtures for tests on real OpenSSH hosts; without root they are skipped with one loud line."""

from collections.abc import Iterator

import pytest

from tests.fleet.fleet import Fleet, missing


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    """Two hosts, shared by the tests of a module."""
    why = missing()
    if why:
        pytest.skip(f"NO FLEET: tests on real SSH hosts are left out: {why}")
    with Fleet(2) as running:
        yield running
