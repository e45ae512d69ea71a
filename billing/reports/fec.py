"""The French fichier des écritures comptables (livre des procédures fiscales, article A47 A-1).

Eighteen fields separated by tabs, one line per posting in the order in which entries became final
(they are final when they are written), amounts with a comma, ISO 8859-15, and a name made of
SIREN, FEC and the last day of the year.
"""

import unicodedata
from collections.abc import Iterator
from datetime import date
from typing import Any

from django.db.models import Q
from stdnum.fr import siren

from billing.ledger.models import Entry, Journal, Posting
from billing.ledger.services import chart_of
from billing.ledger.years import last_day, year_of
from billing.reports import sql
from erp.base.errors import DomainError
from erp.base.money import Amount
from erp.customers.models import Organisation

FIELDS = (
    "JournalCode", "JournalLib", "EcritureNum", "EcritureDate", "CompteNum", "CompteLib",
    "CompAuxNum", "CompAuxLib", "PieceRef", "PieceDate", "EcritureLib", "Debit", "Credit",
    "EcritureLet", "DateLet", "ValidDate", "Montantdevise", "Idevise",
)  # fmt: skip
ENCODING = "iso8859-15"
_JOURNALS = {
    Journal.SALES: "Ventes", Journal.BANK: "Banque", Journal.MISC: "Opérations diverses",
    Journal.OPENING: "À-nouveaux",
}  # fmt: skip
_OPENINGS = """
SELECT coalesce(code, '') AS code, min(name) AS name, party, min(party_name) AS party_name,
    sum(minor) AS minor
FROM (
    SELECT CASE WHEN a.nature IN ('income', 'expense') THEN NULL
            WHEN a.party_id IS NULL THEN a.code ELSE split_part(a.code, '.', 1) END AS code,
        CASE WHEN a.party_id IS NULL THEN a.name ELSE 'Clients' END AS name,
        CASE WHEN a.party_id IS NULL THEN '' ELSE split_part(a.code, '.', 2) END AS party,
        CASE WHEN a.party_id IS NULL THEN '' ELSE a.name END AS party_name, p.minor
    FROM billing_posting p JOIN billing_account a ON a.id = p.account_id
    WHERE p.organisation_id = %(books)s AND p.currency = 'EUR' AND p.posted_on < %(year)s
) legs GROUP BY code, party HAVING sum(minor) <> 0 ORDER BY code NULLS LAST, party
"""


class NoFec(DomainError):
    """A FEC cannot be written for these books."""

    code = "no_fec"


def name_of(books: Organisation, year: date) -> str:
    """Return the file's name: the SIREN, FEC and the year's last day.

    Raises:
        NoFec: the seller has no valid SIREN.
    """
    number = "".join(books.legal_id.split())[:9]
    if not siren.is_valid(number):
        raise NoFec(
            f"A FEC is named by the SIREN, and the legal number of {books.name} "
            f"“{books.legal_id}” does not begin with one: write it on the organisation's page."
        )
    return f"{number}FEC{last_day(year):%Y%m%d}.txt"


def check(books: Organisation, year: date) -> None:
    """Refuse what the format cannot say.

    Raises:
        NoFec: names the entries in a foreign currency, or accounts that are not of the French plan.
    """
    entries = Entry.objects.filter(organisation=books, fiscal_year=year.year)
    foreign = entries.exclude(currency="EUR")
    if foreign.exists():
        raise NoFec(
            f"{foreign.count()} entries are not in EUR, like {foreign[0].full_number}: "
            "a FEC is in EUR and no rate is kept for them."
        )
    odd = _legs(books, year).exclude(account__code__regex=r"^[0-9]{3}").first()
    if odd:
        raise NoFec(f"Account {odd.account.code} does not begin with three digits.")


def lines(books: Organisation, year: date) -> Iterator[bytes]:
    """Return the file, line by line."""
    yield _line(FIELDS)
    for fields in _openings(books, year):
        yield _line(fields)
    for leg in _legs(books, year).iterator(chunk_size=2000):
        yield _line(_fields(leg))


def _openings(books: Organisation, year: date) -> Iterator[tuple[str, ...]]:
    """Yield what each account brings from the years before, as one balanced entry.

    Results of a year that nobody closed stand on the account of results.
    """
    chart, day = chart_of(books, on=year), _day(year)
    first = _legs(books, year).first()
    # What opens the file is final before the first entry is: the lines are in that order.
    final = min(day, _day(first.entry.recorded_at.date())) if first else day
    for one in sql.rows(_OPENINGS, {"books": books.pk, "year": year}):
        code, name = one.code, one.name
        if not code:
            code = chart.result(one.minor)
            name = chart.headings[code].name
        yield (
            "RAN", "Report à nouveau", f"RAN-{year:%Y}-000001", day, code, name, one.party,
            one.party_name, f"RAN-{year:%Y}", day, "Report à nouveau",
            _amount(max(one.minor, 0)), _amount(max(-one.minor, 0)), "", "", final, "", "",
        )  # fmt: skip


def _legs(books: Organisation, year: date) -> Any:
    assert year == year_of(books, year), "a file is of a whole financial year"
    found = Posting.objects.filter(Q(entry__fiscal_year=year.year), organisation=books)
    # The file holds no entries that empty the accounts of sales and costs (BOI-CF-IOR-60-40-20).
    found = found.exclude(entry__journal=Journal.CLOSING)
    return found.select_related("entry", "account", "lettering").order_by("entry__position", "pk")


def _fields(leg: Posting) -> tuple[str, ...]:
    entry, account, let = leg.entry, leg.account, leg.lettering
    assert entry.recorded_at is not None, "the database writes it"
    is_customer = account.party_id is not None
    return (
        entry.journal, _JOURNALS[Journal(entry.journal)], entry.full_number, _day(leg.posted_on),
        account.general_code, "Clients" if is_customer else account.name,
        account.code.partition(".")[2] if is_customer else "", account.name if is_customer else "",
        entry.piece or entry.reference, _day(entry.piece_on or entry.posted_on),
        entry.description, _amount(max(leg.minor, 0)), _amount(max(-leg.minor, 0)),
        let.code if let else "", _day(let.on) if let else "", _day(entry.recorded_at.date()),
        "", "",
    )  # fmt: skip


def _amount(minor: int) -> str:
    return str(Amount(minor, "EUR").decimal()).replace(".", ",")


def _day(day: date) -> str:
    return f"{day:%Y%m%d}"


def _line(fields: tuple[str, ...]) -> bytes:
    """Return one line; what the character set lacks is written in its nearest letters."""
    text = "\t".join(" ".join(field.split()) for field in fields) + "\r\n"
    try:
        return text.encode(ENCODING)
    except UnicodeEncodeError:
        return "".join(_near(sign) for sign in text).encode(ENCODING)


def _near(sign: str) -> str:
    try:
        sign.encode(ENCODING)
    except UnicodeEncodeError:
        return unicodedata.normalize("NFKD", sign).encode("ascii", "ignore").decode() or "?"
    return sign
