"""The test database: made by the owner role, used by the application role, as in production."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import connections


@contextmanager
def database(name: str) -> Iterator[None]:
    """Migrate as the owner; let the application role empty tables, which only tests may."""
    owner, app = connections["owner"], connections["default"]
    owner.settings_dict["TEST"]["NAME"] = name
    owner.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    role = settings.DATABASES["default"]["USER"]
    with owner.cursor() as cursor:
        cursor.execute(f'GRANT TRUNCATE ON ALL TABLES IN SCHEMA public TO "{role}"')
    owner.close()
    app.close()
    app.settings_dict["NAME"] = name
    try:
        yield
    finally:
        app.close()
        owner.creation.destroy_test_db(settings.DATABASES["owner"]["NAME"], verbosity=0)
