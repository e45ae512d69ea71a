"""Close the books: softly, which may be lifted with a reason, or for ever; and anchor the chain."""

import logging
from datetime import date, datetime

from django.db import transaction

from billing.ledger import queries
from billing.ledger.deferrals import release
from billing.ledger.models import Anchor, Books
from billing.ledger.services import PeriodLocked, books_of, day_in, take_turn
from erp.base.errors import DomainError
from erp.base.journal import record
from erp.customers.models import Organisation

log = logging.getLogger(__name__)
# More waiting months than this are released by the sweep before the books can be closed.
MOST_RELEASES = 2000


class NotOver(DomainError):
    """Only days that are over can be closed."""

    code = "not_over"


class NotEarned(DomainError):
    """Deferred revenue of this period still waits for its release: try again in some minutes."""

    code = "not_earned"


@transaction.atomic
def close_softly(books: Organisation, *, before: date, at: datetime, by: str, why: str) -> None:
    """Let nothing be dated before a day, until the lock is lifted with a reason.

    Raises:
        NotOver: the day is in the future.
        PeriodLocked: the books are closed for ever further than that.
    """
    row = _prepare(books, before, at)
    Books.objects.filter(pk=row.pk).update(soft_locked_before_on=before)
    record(books, "books_closed_softly", at=at, by=by, why=why, before=before.isoformat())
    anchor(books, at=at, why="soft lock")


@transaction.atomic
def lift(books: Organisation, *, at: datetime, by: str, why: str) -> None:
    """Take the soft lock off; what is closed for ever stays closed."""
    take_turn(books)
    row = books_of(books)
    if row.soft_locked_before_on is None:
        return
    was = row.soft_locked_before_on.isoformat()
    Books.objects.filter(pk=row.pk).update(soft_locked_before_on=None)
    record(books, "books_opened", at=at, by=by, why=why, before=was)


@transaction.atomic
def close_for_ever(books: Organisation, *, before: date, at: datetime, by: str, why: str) -> None:
    """Let nothing be dated before a day ever again, and anchor the chain.

    Raises:
        NotOver: the day is in the future.
        PeriodLocked: they are closed further than that.
    """
    row = _prepare(books, before, at)
    Books.objects.filter(pk=row.pk).update(locked_before_on=before)
    record(books, "books_closed", at=at, by=by, why=why, before=before.isoformat())
    anchor(books, at=at, why=f"closed before {before:%Y-%m-%d}")


def _prepare(books: Organisation, before: date, at: datetime) -> Books:
    """Check the day, and release what was earned before it: nothing may be missing later."""
    take_turn(books)
    row = books_of(books)
    if before > day_in(books, at):
        raise NotOver(f"{before:%Y-%m-%d} is in the future: close days that are over.")
    if row.locked_before_on and before < row.locked_before_on:
        raise PeriodLocked(f"The books are closed before {row.locked_before_on:%Y-%m-%d} already.")
    release_until(books, before, at=at)
    return row


def release_until(books: Organisation, before: date, *, at: datetime) -> None:
    """Release what was earned before a day.

    Raises:
        NotEarned: more waits than is released at once: the sweep does it.
    """
    waiting = list(queries.unreleased(before, books=books)[: MOST_RELEASES + 1])
    if len(waiting) > MOST_RELEASES:
        raise NotEarned
    for entry, month_on in waiting:
        release(queries.entry(entry), month_on, at=at)


def anchor(books: Organisation, *, at: datetime, why: str) -> None:
    """Keep count and hash of the newest entry apart: in a table, in the journal, in the log."""
    take_turn(books)
    row = books_of(books)
    if not row.last_position:
        return
    facts = {"position": row.last_position, "hash": row.last_hash}
    _, is_new = Anchor.objects.get_or_create(
        organisation=books,
        position=row.last_position,
        defaults={"hash": row.last_hash, "at": at, "why": why},
    )
    if is_new:
        record(books, "books_anchored", at=at, by="ledger", why=why, **facts)
        log.info("books of %s: %s entries, %s", books.reference, *facts.values())
