"""The test database: made by the owner role, used by the application role, as in production."""

import os
from collections.abc import Iterator

import pytest
from django.conf import settings
from django.db import connections

from erp.base import scope

pytest_plugins: list[str] = ["tests.browser"]


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker: pytest.FixtureRequest) -> Iterator[None]:
    """Migrate as the owner; let the application role empty tables, which only tests may."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    name = f"test_tenantry_{os.environ.get('TENANTRY_TEST_SUFFIX', 'all')}_{worker}"
    owner, app = connections["owner"], connections["default"]
    with django_db_blocker.unblock():  # type: ignore[attr-defined]
        owner.settings_dict["TEST"]["NAME"] = name
        owner.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
        role = settings.DATABASES["default"]["USER"]
        with owner.cursor() as cursor:
            cursor.execute(f'GRANT TRUNCATE ON ALL TABLES IN SCHEMA public TO "{role}"')
        owner.close()
        app.close()
        app.settings_dict["NAME"] = name
    yield
    with django_db_blocker.unblock():  # type: ignore[attr-defined]
        app.close()
        owner.creation.destroy_test_db(settings.DATABASES["owner"]["NAME"], verbosity=0)


@pytest.fixture(autouse=True)
def _everything() -> Iterator[None]:
    """Tests speak for the system unless they choose a narrower scope themselves."""
    with scope.everything("a test"):
        yield
