"""The compliance proof of a period: what an auditor asks, looked at and answered in words.

Nothing is taken from what the system believes: hashes are computed anew, numbers counted, files
written and read again, sums compared from both ends.

Source: docs/compliance.md
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from billing.ledger.proof import prove
from billing.reports import fec, sql
from billing.reports.accounts import year_of
from billing.reports.resale import reconcile
from billing.reports.table import Asked
from erp.base.errors import DomainError
from erp.base.money import Amount
from erp.customers.models import Organisation
from erp.customers.states import Kind

# Findings that are named; more are counted.
MOST = 20
_COUNT = """
SELECT count(*) AS count FROM billing_invoice i WHERE i.issuer_id = %(books)s AND i.number <> ''
  AND i.issued_on BETWEEN %(start)s AND %(end)s
"""
_NUMBERS = """
SELECT number, sequence, issued_on, previous, date_before, sequence - previous AS step FROM (
    SELECT i.*, lag(sequence, 1, 0) OVER series AS previous,
        lag(issued_on) OVER series AS date_before
    FROM billing_invoice i WHERE issuer_id = %(books)s AND number <> '' AND issued_on <= %(end)s
    WINDOW series AS (PARTITION BY prefix, year ORDER BY sequence)
) n WHERE issued_on >= %(start)s AND (sequence <> previous + 1 OR issued_on < date_before)
ORDER BY issued_on, sequence LIMIT %(most)s
"""
_CHAIN = """
SELECT number FROM (
    SELECT i.*, tenantry_invoice_hash(i) AS right_hash, lag(hash, 1, '') OVER chain AS hash_before
    FROM billing_invoice i WHERE issuer_id = %(books)s AND number <> '' AND issued_on <= %(end)s
    WINDOW chain AS (PARTITION BY prefix ORDER BY year, sequence)
) c WHERE issued_on >= %(start)s AND (hash <> right_hash OR previous_hash <> hash_before)
ORDER BY issued_on, sequence LIMIT %(most)s
"""
# The snapshot was hashed as JSON with sorted keys, which the database does not write: its hash is
# part of the chain of invoices, and the bytes that were sent are compared here.
_DOCUMENTS = """
SELECT i.number, d.state, d.state_reason, d.findings,
    (d.pdf IS NOT NULL AND encode(sha256(d.pdf), 'hex') <> d.pdf_sha256)
        OR (d.xml IS NOT NULL AND encode(sha256(d.xml), 'hex') <> d.xml_sha256) AS is_changed,
    EXISTS (SELECT FROM jsonb_array_elements(d.findings) f WHERE f->>'severity' = 'fatal')
        AS is_fatal
FROM billing_invoice i JOIN billing_document d ON d.id = i.document_id
WHERE i.issuer_id = %(books)s AND i.issued_on BETWEEN %(start)s AND %(end)s
"""
_SUMS = """
WITH documents AS (
    SELECT i.*, CASE i.kind WHEN 'credit_note' THEN -1 ELSE 1 END AS sign
    FROM billing_invoice i WHERE i.issuer_id = %(books)s AND i.number <> ''
      AND i.issued_on BETWEEN %(start)s AND %(end)s
), booked AS (
    SELECT e.key, e.currency, e.posted_on,
        sum(p.minor) FILTER (WHERE a.part = 'receivable') AS owed,
        -coalesce(sum(p.minor) FILTER (WHERE a.part = 'tax'), 0) AS tax
    FROM billing_entry e JOIN billing_posting p ON p.entry_id = e.id
    JOIN billing_account a ON a.id = p.account_id
    WHERE e.organisation_id = %(books)s AND e.key LIKE 'invoice:%%'
    GROUP BY e.id
)
SELECT d.number, d.currency, d.sign * d.total_minor AS total, d.sign * d.tax_minor AS tax,
    b.owed, b.tax AS tax_booked, d.issued_on, b.posted_on
FROM documents d LEFT JOIN booked b ON b.key = 'invoice:' || d.reference
"""
_STRAY = """
SELECT e.key FROM billing_entry e WHERE e.organisation_id = %(books)s AND e.key LIKE 'invoice:%%'
  AND e.posted_on BETWEEN %(start)s AND %(end)s AND NOT EXISTS (
    SELECT FROM billing_invoice i WHERE i.issuer_id = e.organisation_id
      AND 'invoice:' || i.reference = e.key AND i.number <> '')
ORDER BY e.position LIMIT %(most)s
"""


@dataclass(frozen=True, slots=True)
class Check:
    """One question with what was looked at and what is wrong; all is well without findings."""

    name: str
    title: str
    looked_at: int
    findings: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Return whether nothing is wrong."""
        return not self.findings


@dataclass(frozen=True, slots=True)
class Proof:
    """The answers for one seller's books over the days from `start` to `end`, both included."""

    books: Organisation
    start: date
    end: date
    checks: tuple[Check, ...]

    @property
    def holds(self) -> bool:
        """Return whether nothing at all is wrong."""
        return all(one.holds for one in self.checks)


def look(books: Organisation, *, start: date, end: date) -> Proof:
    """Ask everything about a period; the same statements for any number of documents."""
    facts = {"books": books.pk, "start": start, "end": end, "most": MOST}
    checks = [one(books, facts) for one in _CHECKS]
    if books.kind == Kind.RESELLER:
        checks.append(_resale(books, facts))
    return Proof(books, start, end, tuple(checks))


def _issued(facts: dict[str, Any]) -> int:
    return int(sql.rows_of_much(_COUNT, facts)[0].count)


def _numbers(books: Organisation, facts: dict[str, Any]) -> Check:
    found = [
        f"{one.number} follows number {one.previous} of its series"
        if one.step != 1
        else f"{one.number} of {one.issued_on} is dated before the one before it"
        for one in sql.rows_of_much(_NUMBERS, facts)
    ]
    return Check(
        "numbers", "Numbers have no gap and rise with the date", _issued(facts), _cut(found)
    )


def _invoices(books: Organisation, facts: dict[str, Any]) -> Check:
    found = [f"{one.number} is not what was chained" for one in sql.rows_of_much(_CHAIN, facts)]
    title = "Issued documents are chained and unchanged"
    return Check("invoices", title, _issued(facts), _cut(found))


def _documents(books: Organisation, facts: dict[str, Any]) -> Check:
    rows = sql.rows_of_much(_DOCUMENTS, facts)
    found = [
        f"{one.number}: the stored bytes are not what was sent" for one in rows if one.is_changed
    ]
    found += [
        f"{one.number}: not rendered yet ({one.state_reason or one.state})"
        for one in rows
        if one.state != "stored"
    ]
    found += [f"{one.number} breaks a rule of EN 16931" for one in rows if one.is_fatal]
    title = "E-invoices obey EN 16931 and are kept byte for byte"
    return Check("documents", title, len(rows), _cut(found))


def _ledger(books: Organisation, facts: dict[str, Any]) -> Check:
    found = prove(books)
    title = "Entries are chained, anchored, numbered and balanced"
    return Check("ledger", title, found.entries, found.broken)


def _sums(books: Organisation, facts: dict[str, Any]) -> Check:
    rows = sql.rows_of_much(_SUMS, facts)
    found = [sentence for one in rows if (sentence := _difference(one))]
    found += [f"entry {one.key} has no document" for one in sql.rows_of_much(_STRAY, facts)]
    title = "The ledger books every document with its total and tax, on its day"
    return Check("sums", title, len(rows), _cut(found))


def _difference(one: Any) -> str:
    if one.owed is None:
        return f"{one.number} is not booked" if one.total else ""
    for what, said, booked in (("total", one.total, one.owed), ("tax", one.tax, one.tax_booked)):
        if said != booked:
            amounts = [Amount(int(minor), one.currency) for minor in (said, booked)]
            return f"{one.number}: {what} {amounts[0]}, booked {amounts[1]}"
    if one.issued_on != one.posted_on:
        return f"{one.number} of {one.issued_on} is booked on {one.posted_on}"
    return ""


def _fec(books: Organisation, facts: dict[str, Any]) -> Check:
    """Write the file of the financial year and read it again, for books on the French plan."""
    title = "The FEC of the financial year can be handed in"
    if books.country != "FR":
        return Check("fec", f"{title} (not asked of books outside France)", 0, ())
    year = year_of(books, facts["end"])
    try:
        fec.name_of(books, year)
        fec.check(books, year)
    except DomainError as refusal:
        return Check("fec", title, 0, (str(refusal),))
    count, found = faults_of(line.decode(fec.ENCODING) for line in fec.lines(books, year))
    return Check("fec", title, count, _cut(found))


def faults_of(lines: Iterable[str]) -> tuple[int, list[str]]:
    """Return how many lines a FEC has, and what the law would find wrong with them."""
    found: list[str] = []
    balances: dict[str, int] = {}
    count = 0
    for number, line in enumerate(lines):
        fields = line.removesuffix("\r\n").split("\t")
        if len(fields) != len(fec.FIELDS):
            found.append(f"line {number + 1} has {len(fields)} fields")
            continue
        if number == 0:
            continue
        count += 1
        debit, credit = (int(fields[place].replace(",", "")) for place in (11, 12))
        balances[fields[2]] = balances.get(fields[2], 0) + debit - credit
        needed = (0, 1, 2, 3, 4, 5, 8, 9, 10, 15)
        if any(not fields[place] for place in needed):
            found.append(f"line {number + 1} lacks a field")
    found += [f"entry {name} does not balance" for name, minor in balances.items() if minor]
    return count, found


def _resale(books: Organisation, facts: dict[str, Any]) -> Check:
    asked = Asked(facts["start"], facts["end"], books.currency)
    whole = reconcile(books, asked)
    count = whole.retail_documents + whole.wholesale_documents
    title = "What was sold and what the provider billed go together"
    return Check("resale", title, count, whole.problems)


def _cut(found: Sequence[str]) -> tuple[str, ...]:
    if len(found) <= MOST:
        return tuple(found)
    return (*found[:MOST], f"and {len(found) - MOST} more")


_CHECKS: tuple[Callable[[Organisation, dict[str, Any]], Check], ...] = (
    _numbers, _invoices, _documents, _ledger, _sums, _fec,
)  # fmt: skip
