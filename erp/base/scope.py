"""Whose rows the running request or task may see: the second lock behind `visible_to`.

PostgreSQL hides every tenant row outside the scope (row-level security, migration 0001). A scope
is empty (nothing is visible), a list of organisations with their subtrees, or everything.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

NOTHING = ""
EVERYTHING = "all"

_scope: ContextVar[str] = ContextVar("tenantry_scope", default=NOTHING)


def current() -> str:
    """Return the scope as PostgreSQL reads it."""
    return _scope.get()


@contextmanager
def everything(why: str) -> Iterator[None]:
    """See all rows: for sweeps, commands and the sign-in itself, with the reason in words."""
    assert why
    with _as(EVERYTHING):
        yield


@contextmanager
def organisations(pks: Iterable[int]) -> Iterator[None]:
    """See the rows of these organisations, of all below them, and what their sellers offer."""
    with _as(",".join(str(pk) for pk in sorted(set(pks)))):
        yield


@contextmanager
def _as(value: str) -> Iterator[None]:
    token = _scope.set(value)
    try:
        yield
    finally:
        _scope.reset(token)
