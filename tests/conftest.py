"""What every test shares: its database, and that it speaks for the system."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from erp.base import scope
from tests.database import database

# A machine that is busy is no fault of an example.
settings.register_profile("tenantry", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tenantry")
pytest_plugins: list[str] = ["tests.browser"]


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker: pytest.FixtureRequest) -> Iterator[None]:
    """Make the database of this worker process."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    name = f"test_tenantry_{os.environ.get('TENANTRY_TEST_SUFFIX', 'all')}_{worker}"
    with django_db_blocker.unblock(), database(name):  # type: ignore[attr-defined]
        yield


@pytest.fixture(autouse=True)
def _everything() -> Iterator[None]:
    """Tests speak for the system unless they choose a narrower scope themselves."""
    with scope.everything("a test"):
        yield
