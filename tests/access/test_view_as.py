"""Every URL, looked at as a customer: nothing is changed through any, and nothing fails."""

from typing import Any

from django.db import connection
from django.test import Client
from django.urls import reverse

from erp.customers.states import Role
from tests.access import rows
from tests.access.test_every_url import OURS, URLS, World, world  # noqa: F401
from tests.erp.builders import a_member

STAYS_OPEN = {"organisations:leave_view", "ui:theme"}


def _written() -> dict[str, int]:
    """Return how many rows of each table this transaction ever wrote; sessions aside."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, n_tup_ins + n_tup_upd + n_tup_del FROM pg_stat_xact_user_tables"
            " WHERE relname <> 'django_session'"
        )
        return dict(cursor.fetchall())


def _kwargs(world: World, name: str) -> dict[str, Any] | None:  # noqa: F811
    """Return the arguments of a URL about the customer; None where it has no such object."""
    if not URLS[name]:
        return {}
    return rows.ROWS[name](world.tree.customer)


def test_no_url_changes_anything_for_a_viewer(world: World) -> None:  # noqa: F811
    asked = {name: _kwargs(world, name) for name in OURS if name not in STAYS_OPEN}
    client = Client(raise_request_exception=False)
    client.force_login(a_member(world.tree.provider, Role.OPERATOR))
    path = f"/organisations/{world.tree.customer.reference}/view-as"
    assert client.post(path, {"why": "a test"}).status_code == 302
    wrong, tried, before = [], 0, _written()

    for name, kwargs in asked.items():
        if kwargs is None:
            continue
        tried += 1
        url = reverse(name, kwargs=kwargs)
        read, changed = client.get(url).status_code, client.post(url, {}).status_code
        if read >= 500 or changed != 403:
            wrong.append(f"{name}: GET {read}, POST {changed}")
        if _written() != before:
            wrong.append(f"{name} wrote something")
            before = _written()

    assert wrong == []
    assert tried > 100
