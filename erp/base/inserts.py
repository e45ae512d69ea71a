"""Write many new rows by one statement.

Django's `bulk_create` prepares every value of every field in Python, which costs more than
PostgreSQL needs to store it. Here the rows travel as one JSON text, and PostgreSQL reads it.
"""

import json
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, TypeVar

from django.db import connection, connections, models, router

M = TypeVar("M", bound=models.Model)


def insert(rows: Iterable[M]) -> list[M]:
    """Store new rows of one model in their order, and give them their keys.

    Whatever the database says of them is raised as by `bulk_create`. Fields that are written
    otherwise than they are read (files, ranges, arrays, bytes) are not for this.
    """
    found = list(rows)
    keys = _written(found, "RETURNING") if found else []
    for row, (key,) in zip(found, keys, strict=True):
        row.pk = key
        row._state.adding, row._state.db = False, router.db_for_write(type(row))
    return found


def insert_missing(rows: Iterable[models.Model]) -> None:
    """Store the rows that are not there already, by any of their unique constraints."""
    found = list(rows)
    if found:
        _written(found, "ON CONFLICT DO NOTHING RETURNING")


def _written(rows: Sequence[models.Model], how: str) -> list[tuple[Any]]:
    model = type(rows[0])
    sql, fields = _statement(model, how)
    values = [[_value(row, field) for field in fields] for row in rows]
    with connections[router.db_for_write(model)].cursor() as cursor:
        cursor.execute(sql, [json.dumps(values, default=str)])
        return list(cursor.fetchall())


def _value(row: models.Model, field: "models.Field[Any, Any]") -> Any:
    value = row.__dict__.get(field.attname)
    if value is None and isinstance(field, models.ForeignKey) and field.is_cached(row):
        # What it refers to got its key after it was named here.
        related = field.get_cached_value(row)
        value = related.pk if related else None
        row.__dict__[field.attname] = value
    return value


@cache
def _statement(model: type[models.Model], how: str) -> tuple[str, Sequence[Any]]:
    """Return the statement for a model, and its fields in the order of its values."""
    fields = [one for one in model._meta.concrete_fields if not one.primary_key]
    quote = connection.ops.quote_name
    columns = ", ".join(quote(str(one.column)) for one in fields)
    # A value is NULL or text in its column's own syntax; JSON stays JSON.
    values = ", ".join(
        f"(row->{at})::jsonb" if isinstance(one, models.JSONField)
        else f"(row->>{at})::{one.db_type(connection)}"
        for at, one in enumerate(fields)
    )  # fmt: skip
    sql = (
        f"INSERT INTO {quote(model._meta.db_table)} ({columns}) SELECT {values} "  # noqa: S608
        "FROM jsonb_array_elements(%s::jsonb) AS row "
        f"{how} {quote(str(model._meta.pk.column))}"
    )
    return sql, fields
