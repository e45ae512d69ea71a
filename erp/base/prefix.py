"""Names that begin with some words, found by an index under row-level security.

PostgreSQL uses an index before the policies of a table only through operators that leak nothing:
the comparisons of text are, LIKE and lower() are not. So names are kept in small letters in a
column of their own, ordered by code point, and a prefix is a range.
"""

from django.db.models import CharField, GeneratedField, Q
from django.db.models.functions import Lower

_LAST_SIGN = "\U0010ffff"


def small_letters(column: str, *, max_length: int) -> GeneratedField:
    """Return a column that PostgreSQL keeps: the other one in small letters, by code point."""
    kept = CharField(max_length=max_length, db_collation="C")
    return GeneratedField(expression=Lower(column), output_field=kept, db_persist=True)


def begins(column: str, words: str) -> Q:
    """Return the condition that a column of small letters begins with some words."""
    small = words.lower()
    return Q(**{f"{column}__gte": small, f"{column}__lt": f"{small}{_LAST_SIGN}"})
