"""Run one statement of a report and give its rows names."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from django.db import OperationalError, connection, transaction
from django.db.backends.utils import CursorWrapper

from erp.base.errors import DomainError

LONGEST_SECONDS = 60
QUERY_CANCELED = "57014"
# A report reads large parts of its tables. The planner may know nothing of one that was filled a
# moment ago, and would go through all of it for every row of another.
_BOUNDS = f"SET LOCAL statement_timeout = '{LONGEST_SECONDS}s'; SET LOCAL enable_nestloop = off"
_LIFTED = "SET LOCAL statement_timeout = DEFAULT; SET LOCAL enable_nestloop = DEFAULT"


class TakesTooLong(DomainError):
    """A report reads more than it may at once."""

    code = "takes_too_long"


def rows(statement: str, facts: Mapping[str, Any]) -> list[Any]:
    """Return the rows of a statement as tuples with names."""
    with connection.cursor() as cursor:
        return _named(cursor, statement, facts)


def rows_of_much(statement: str, facts: Mapping[str, Any]) -> list[Any]:
    """Return the rows of a statement that joins large tables as wholes, in bounded time.

    Raises:
        TakesTooLong: the time was over.
    """
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_BOUNDS)
            found = _named(cursor, statement, facts)
            cursor.execute(_LIFTED)
            return found
    except OperationalError as error:
        if getattr(error.__cause__, "pgcode", "") != QUERY_CANCELED:
            raise
        raise TakesTooLong(
            f"This took longer than {LONGEST_SECONDS} s: choose a shorter period."
        ) from error


def _named(cursor: CursorWrapper, statement: str, facts: Mapping[str, Any]) -> list[Any]:
    cursor.execute(statement, dict(facts))
    names = [str(column[0]) for column in cursor.description or ()]
    made = NamedTuple("Found", [(name, Any) for name in names])  # type: ignore[misc]
    return [made(*values) for values in cursor.fetchall()]
