"""Run one statement of a report and give its rows names."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from django.db import connection


def rows(statement: str, facts: Mapping[str, Any]) -> list[Any]:
    """Return the rows of a statement as tuples with names."""
    with connection.cursor() as cursor:
        cursor.execute(statement, dict(facts))
        names = [str(column[0]) for column in cursor.description or ()]
        made = NamedTuple("Found", [(name, Any) for name in names])  # type: ignore[misc]
        return [made(*values) for values in cursor.fetchall()]
