"""The German export: a DATEV "Buchungsstapel" (EXTF 700, category 21, version 13).

Semicolons, CP1252, texts in quotation marks, amounts with a comma and without a sign, days as
DDMM inside one financial year.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from billing.ledger.chart import Chart, Part
from billing.ledger.charts import SKR03
from billing.ledger.models import Account, Books, Entry, Journal
from billing.ledger.services import chart_of
from billing.reports.accounts import year_of
from billing.reports.datev_format import BARE, COLUMNS, PLACE
from billing.reports.datev_rows import Booking, Leg, NotPaired, bookings
from erp.base.errors import DomainError
from erp.base.money import Amount
from erp.customers.models import Organisation

ENCODING = "cp1252"
# Digits of an account; customers' accounts have one more.
LENGTH = 4
_TAXABLE = {Part.REVENUE, Part.DEFERRED}


class NoDatev(DomainError):
    """A DATEV file cannot be written for these books."""

    code = "no_datev"


@dataclass(frozen=True, slots=True)
class Stack:
    """Which days, and how the tax adviser's office numbers itself and this client."""

    start: date
    end: date
    adviser: int
    client: int


def check(books: Organisation, stack: Stack) -> None:
    """Refuse what the format cannot say.

    Raises:
        NoDatev: another chart, two financial years, a foreign currency, or an entry whose tax
            cannot be told apart; names it.
    """
    row = Books.objects.filter(organisation=books).first()
    if row is None or row.chart != SKR03.key:
        raise NoDatev("DATEV knows the books by the SKR03: these are kept with another chart.")
    if year_of(books, stack.start) != year_of(books, stack.end) or stack.end < stack.start:
        raise NoDatev("A file holds days of one financial year: choose a shorter period.")
    entries = _entries(books, stack)
    foreign = entries.exclude(currency="EUR").first()
    if foreign:
        raise NoDatev(f"{foreign.full_number} is in {foreign.currency}: no rate is kept for it.")
    for _ in _booked(books, stack):
        pass


def lines(books: Organisation, stack: Stack, *, at: datetime) -> Iterator[bytes]:
    """Return the file, line by line: its head, the names of the columns, the rows."""
    yield _encoded(";".join(_head(books, stack, at)))
    yield _encoded(";".join(COLUMNS))
    elsewhere = chart_of(books).parts.get("revenue.AE")
    for entry, booking in _booked(books, stack):
        is_elsewhere = elsewhere in (booking.debit, booking.credit)
        yield _encoded(";".join(_row(entry, booking, _buyer(entry) if is_elsewhere else "")))


def _entries(books: Organisation, stack: Stack) -> Any:
    # The importing program closes years itself.
    found = Entry.objects.filter(organisation=books).exclude(journal=Journal.CLOSING)
    return found.filter(posted_on__gte=stack.start, posted_on__lte=stack.end).order_by("position")


def _booked(books: Organisation, stack: Stack) -> Iterator[tuple[Entry, Booking]]:
    chart = chart_of(books)
    entries = _entries(books, stack).prefetch_related("postings__account__party")
    for entry in entries.iterator(chunk_size=1000):
        legs = [_leg(chart, leg.account, leg.minor) for leg in entry.postings.all()]
        try:
            found = bookings(legs)
        except NotPaired as error:
            raise NoDatev(
                f"{entry.full_number} ({entry.description}) has taxes that cannot be told apart: "
                "book it as an entry for each rate."
            ) from error
        yield from ((entry, booking) for booking in found)


def _leg(chart: Chart, account: Account, minor: int) -> Leg:
    number = str(account.debtor_number) if account.party_id else account.code
    if not number.isdigit():
        raise NoDatev(f"Account {account.code} is no number: DATEV knows numbers alone.")
    heading = chart.headings.get(account.code)
    return Leg(
        account=number.zfill(LENGTH),
        minor=minor,
        is_taxable=account.part in _TAXABLE,
        computes_tax=heading.computes_tax if heading else "",
        tax_rate=_rate_of(chart, account) if account.part == Part.TAX else "",
    )


def _rate_of(chart: Chart, account: Account) -> str:
    """Return the rate of an account of tax, such as `19`."""
    named = [part for part, code in chart.parts.items() if code == account.code]
    rates = [part.split(".", 2)[2] for part in named if part.count(".") >= 2]
    if not rates:
        raise NoDatev(f"The rate of account {account.code} is not known: map it to a rate.")
    return rates[0].split(".")[0]


def _head(books: Organisation, stack: Stack, at: datetime) -> list[str]:
    first = year_of(books, stack.start)
    return [
        '"EXTF"', "700", "21", '"Buchungsstapel"', "13", f"{at:%Y%m%d%H%M%S}{at:%f}"[:17], "",
        '"TY"', '""', '""', str(stack.adviser), str(stack.client), f"{first:%Y%m%d}", str(LENGTH),
        f"{stack.start:%Y%m%d}", f"{stack.end:%Y%m%d}",
        f'"Tenantry {stack.start:%Y-%m}"', '""', "1", "0", "1", '"EUR"', "", '""', "", "", '"03"',
        "", "", '""', '""',
    ]  # fmt: skip


def _buyer(entry: Entry) -> str:
    """Return the VAT number of the buyer, which the recapitulative statement asks for."""
    parties = (leg.account.party for leg in entry.postings.all())
    return next(("".join(party.vat_number.split()) for party in parties if party), "")


def _row(entry: Entry, booking: Booking, buyer: str) -> list[str]:
    """Return one row; `buyer` is a VAT number for services that are taxed where the buyer is."""
    facts = {
        "Umsatz (ohne Soll/Haben-Kz)": str(Amount(booking.minor, "EUR").decimal()).replace(
            ".", ","
        ),
        "Soll/Haben-Kennzeichen": "S",
        "WKZ Umsatz": "EUR",
        "Konto": booking.debit,
        "Gegenkonto (ohne BU-Schlüssel)": booking.credit,
        "BU-Schlüssel": booking.key,
        "Belegdatum": f"{entry.posted_on:%d%m}",
        "Belegfeld 1": (entry.piece or entry.reference)[:36],
        "Buchungstext": entry.description[:60],
        "EU-Land u. UStID (Bestimmung)": buyer,
        "Festschreibung": "1",
    }
    row = ["" if name in BARE else '""' for name in COLUMNS]
    for name, value in facts.items():
        row[PLACE[name]] = value if name in BARE else _quoted(value)
    return row


def _quoted(text: str) -> str:
    return '"' + " ".join(text.split()).replace('"', '""') + '"'


def _encoded(line: str) -> bytes:
    return (line + "\r\n").encode(ENCODING, errors="replace")
