"""A statement over much ends in its time, and says so in words."""

import pytest
from django.db import connection, transaction

from billing.reports import sql

pytestmark = pytest.mark.django_db


def setting(name: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting(%s)", [name])
        return str(cursor.fetchone()[0])


def test_a_statement_that_takes_too_long_is_ended_and_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bounds = "SET LOCAL statement_timeout = '50ms'"
    monkeypatch.setattr(sql, "_BOUNDS", bounds)
    with pytest.raises(sql.TakesTooLong, match="choose a shorter period"), transaction.atomic():
        sql.rows_of_much("SELECT pg_sleep(20)", {})


def test_what_is_set_for_one_statement_is_lifted_after_it() -> None:
    before = setting("statement_timeout"), setting("enable_nestloop")
    (found,) = sql.rows_of_much("SELECT current_setting('enable_nestloop') AS loops", {})
    assert found.loops == "off"
    assert (setting("statement_timeout"), setting("enable_nestloop")) == before
