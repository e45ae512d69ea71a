"""The statement of a customer: what was charged, what was paid, and what is left, day by day.

It is read from the books of the seller: what is on the customer's account there, and money in and
out in place of how it was put on invoices. So its balance is what is owed less the credit.
"""

from datetime import date, datetime, timedelta

from django.db import transaction

from billing.payments.models import Method, PayoutKind, StatementWish
from billing.reports import sql
from billing.reports.table import Asked, Column, Kind, Row, Table, TooLong
from erp.base import scope
from erp.base.journal import record
from erp.base.money import Amount
from erp.customers.models import Organisation
from erp.outbox.letters import address
from erp.outbox.services import Letter, post
from erp.outbox.states import Topic

# Lines of one statement: a longer one is asked for in shorter periods.
MOST = 5000
# How money is put on invoices and fees is no movement of the account.
_INNER = "^(payment|allocation|taken_off|fee_paid|fee_taken_off):"
_MOVES = """
WITH moves AS (
    SELECT e.posted_on, e.position, coalesce(nullif(p.item, ''), e.piece) AS document,
        e.description AS what, p.due_on, p.minor
    FROM billing_posting p JOIN billing_account a ON a.id = p.account_id
    JOIN billing_entry e ON e.id = p.entry_id
    WHERE a.organisation_id = %(books)s AND a.party_id = %(customer)s
      AND p.currency = %(currency)s AND e.key !~ %(inner)s
    UNION ALL
    SELECT e.posted_on, e.position, r.reference, 'receipt:' || r.method, NULL, -r.amount_minor
    FROM billing_receipt r JOIN billing_entry e
        ON e.organisation_id = r.issuer_id AND e.key = 'payment:' || r.reference
    WHERE r.issuer_id = %(books)s AND r.organisation_id = %(customer)s
      AND r.currency = %(currency)s
    UNION ALL
    SELECT e.posted_on, e.position, x.reference, 'payout:' || x.kind, NULL, x.minor
    FROM billing_payout x JOIN billing_receipt r ON r.id = x.receipt_id
    JOIN billing_entry e ON e.organisation_id = r.issuer_id AND e.key = 'payout:' || x.reference
    WHERE r.issuer_id = %(books)s AND r.organisation_id = %(customer)s
      AND r.currency = %(currency)s
)
"""
_BEFORE = f"""
{_MOVES} SELECT coalesce(sum(minor), 0) AS minor FROM moves WHERE posted_on < %(start)s
"""  # noqa: S608  (constants of our own)
_DURING = f"""
{_MOVES} SELECT posted_on, document, what, due_on, minor FROM moves
WHERE posted_on >= %(start)s AND posted_on <= %(end)s ORDER BY posted_on, position, document
LIMIT {MOST + 1}
"""  # noqa: S608  (constants of our own)
_WORDS = {f"receipt:{one.value}": str(one.label) for one in Method}
_WORDS |= {f"payout:{one.value}": str(one.label) for one in PayoutKind}


def statement(customer: Organisation, asked: Asked) -> Table:
    """Return the statement of a customer with who sells to it; the caller checked who reads it.

    Raises:
        TooLong: ask for a shorter period.
    """
    assert customer.parent_id is not None, "a customer has a seller"
    facts = {
        "books": customer.parent_id, "customer": customer.pk, "currency": asked.currency,
        "start": asked.start, "end": asked.end, "inner": _INNER,
    }  # fmt: skip
    with scope.everything("a statement is read from the books of the seller"):
        (before,) = sql.rows(_BEFORE, facts)
        moves = sql.rows(_DURING, facts)
    if len(moves) > MOST:
        raise TooLong(f"More than {MOST} lines: ask for a shorter period.")
    balance = int(before.minor)
    rows = [Row((asked.start, "", "Opening balance", None, None, None, balance))]
    for one in moves:
        balance += one.minor
        what = _WORDS.get(one.what, one.what)
        charged, paid = max(one.minor, 0) or None, max(-one.minor, 0) or None
        rows.append(Row((one.posted_on, one.document, what, one.due_on, charged, paid, balance)))
    columns = [
        Column("Day", Kind.DAY), Column("Document"), Column("What"), Column("Due", Kind.DAY),
        Column("Charged", Kind.MONEY), Column("Paid", Kind.MONEY), Column("Balance", Kind.MONEY),
    ]  # fmt: skip
    charged = sum(one.minor for one in moves if one.minor > 0)
    paid = -sum(one.minor for one in moves if one.minor < 0)
    total = ("Closing balance", "", "", "", charged, paid, balance)
    note = "Below zero is credit: it pays later invoices, or is paid back." if balance < 0 else ""
    return Table("Statement of account", asked.currency, columns, rows, total=total, note=note)


def last_month(today: date) -> tuple[date, date]:
    """Return the first and the last day of the month before a day."""
    end = today.replace(day=1) - timedelta(days=1)
    return end.replace(day=1), end


def mail(customer: Organisation, asked: Asked, *, key: str, at: datetime) -> None:
    """Mail the balances of a statement, with a link to it; the same key is the same mail."""
    table = statement(customer, asked)
    assert customer.parent is not None and table.total is not None, "see statement"
    rows = list(table.rows)
    charged, paid, closing = table.total[-3:]
    facts = {
        "issuer": customer.parent.name,
        "start": asked.start,
        "end": asked.end,
        "opening": str(Amount(rows[0].cells[-1], asked.currency)),
        "charged": str(Amount(charged, asked.currency)),
        "paid": str(Amount(paid, asked.currency)),
        "closing": str(Amount(abs(closing), asked.currency)),
        "is_credit": closing < 0,
        "link": address(
            f"/statements/{customer.reference}?from={asked.start}&to={asked.end}"
            f"&currency={asked.currency}"
        ),
    }
    letter = Letter(f"statement:{key}", Topic.INVOICES, "statement", facts, about=customer)
    post(customer, letter, at=at)


@transaction.atomic
def want(customer: Organisation, *, is_wanted: bool, at: datetime, by: str) -> None:
    """Mail a statement every month from now on, or no more; saying it again changes nothing."""
    wishes = StatementWish.objects.filter(organisation=customer)
    if is_wanted:
        facts = {"wanted_at": at, "wanted_by": by}
        _, is_new = StatementWish.objects.get_or_create(organisation=customer, defaults=facts)
        if is_new:
            record(customer, "statements_wanted", at=at, by=by)
    elif wishes.delete()[0]:
        record(customer, "statements_unwanted", at=at, by=by)


@transaction.atomic
def mail_month(wish: StatementWish, today: date, *, at: datetime) -> None:
    """Mail the statement of last month to who wants it, once."""
    start, end = last_month(today)
    row = StatementWish.objects.select_for_update().filter(pk=wish.pk).first()
    if row is None or (row.sent_for_on and row.sent_for_on >= start):
        return
    customer = Organisation.objects.select_related("parent").get(pk=row.organisation_id)
    assert customer.parent is not None, "only customers of a seller want statements"
    key = f"{customer.reference}:{start:%Y-%m}"
    mail(customer, Asked(start, end, customer.parent.currency), key=key, at=at)
    StatementWish.objects.filter(pk=row.pk).update(sent_for_on=start)
