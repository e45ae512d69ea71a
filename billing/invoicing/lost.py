"""Taken numbers, noted outside the database: after a restore none is taken twice or billed twice.

Before a number is committed, a line with what it bills is on the disk of `settings.NUMBERS_FILE`,
which belongs on another disk than the database. A line whose transaction never came to its end does
no harm: only after a restore is the file read, and then a number too many is a hole with an
explanation, where a number too few would be a second document of the same number.
"""

import json
import os
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from billing.invoicing.models import Invoice, LostNumber, Series
from billing.invoicing.states import Kind
from erp.base.errors import DomainError
from erp.base.journal import record
from erp.customers.models import Organisation


class BadJournal(DomainError):
    """This is not the file of taken numbers, or a line in its middle is damaged."""

    code = "bad_journal"


class NotNoted(DomainError):
    """The number cannot be noted outside the database: see TENANTRY_NUMBERS_FILE."""

    code = "not_noted"


class BilledBefore(DomainError):
    """An invoice that was lost with the database has billed this already."""

    code = "billed_before"


def note(issuer: Organisation, invoices: Sequence[Invoice], *, on: date) -> None:
    """Put numbers that are about to be committed on the disk, with what they bill.

    Raises:
        NotNoted: nothing may be issued that a restore would not know.
    """
    path = Path(settings.NUMBERS_FILE)
    lines = "".join(json.dumps(_line(issuer, one, on)) + "\n" for one in invoices)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as file:
            file.write(lines)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise NotNoted(f"Nothing can be issued: {path} cannot be written ({error}).") from error


def _line(issuer: Organisation, one: Invoice, on: date) -> dict[str, Any]:
    return {
        "issuer": issuer.reference,
        "prefix": one.prefix,
        "year": one.year,
        "sequence": one.sequence,
        "number": one.number,
        "on": on.isoformat(),
        "kind": one.kind,
        "buyer": one.organisation.reference,
        "contract": one.contract.reference,
        "start": one.period_start_at.isoformat(),
        "end": one.period_end_at.isoformat(),
        "total_minor": one.total_minor,
        "currency": one.currency,
    }


@transaction.atomic
def take_over(path: Path, *, at: datetime, by: str) -> int:
    """Write down the numbers of the file that the database does not know; return how many.

    The series go on behind them. Repeating it changes nothing.

    Raises:
        BadJournal: the file is not what `note` wrote.
    """
    issuers = {one.reference: one for one in Organisation.objects.all()}
    count = 0
    for line in _read(path):
        issuer = issuers.get(line["issuer"])
        if issuer is None:
            continue
        named = {"prefix": line["prefix"], "year": line["year"], "sequence": line["sequence"]}
        if Invoice.objects.filter(issuer=issuer, number=line["number"]).exists():
            continue
        facts = {
            "number": line["number"],
            "issued_on": date.fromisoformat(line["on"]),
            "kind": line["kind"],
            "contract_reference": line["contract"],
            "period_start_at": datetime.fromisoformat(line["start"]),
            "period_end_at": datetime.fromisoformat(line["end"]),
            "total_minor": line["total_minor"],
            "currency": line["currency"],
            "found_at": at,
        }
        _, is_new = LostNumber.objects.get_or_create(organisation=issuer, **named, defaults=facts)
        if is_new:
            count += 1
            record(issuer, "number_lost", at=at, by=by, number=line["number"])
        _go_behind(issuer, line)
    return count


def _read(path: Path) -> list[dict[str, Any]]:
    """Return the lines; the last one may be cut off, as by a power cut."""
    rows = path.read_text().split("\n")
    found = []
    for position, text in enumerate(rows):
        try:
            if text:
                line = json.loads(text)
                line["issuer"], line["number"], line["sequence"]
                found.append(line)
        except (ValueError, KeyError, TypeError) as error:
            if position < len(rows) - 1:
                raise BadJournal(f"{path}, line {position + 1} cannot be read.") from error
    return found


def _go_behind(issuer: Organisation, line: dict[str, Any]) -> None:
    series, _ = Series.objects.get_or_create(
        organisation=issuer, prefix=line["prefix"], year=line["year"]
    )
    last, on = max(series.last_number, line["sequence"]), date.fromisoformat(line["on"])
    last_on = max(series.last_on or on, on)
    Series.objects.filter(pk=series.pk).update(last_number=last, last_on=last_on)


def refusals(invoices: Sequence[Invoice]) -> dict[int, DomainError]:
    """Return which of these drafts bill what a lost invoice has billed; one statement."""
    asked = [one for one in invoices if one.kind == Kind.INVOICE]
    contracts = {one.contract.reference for one in asked}
    rows = LostNumber.objects.filter(
        Q(released_at=None), kind=Kind.INVOICE, contract_reference__in=contracts
    )
    known = list(rows)
    found: dict[int, DomainError] = {}
    for one in asked:
        for row in known:
            is_same = row.contract_reference == one.contract.reference
            overlaps = (
                row.period_start_at < one.period_end_at and one.period_start_at < row.period_end_at
            )
            if is_same and overlaps:
                found[one.pk] = BilledBefore(
                    f"{row.number} of {row.issued_on} billed {row.contract_reference} for this "
                    "time and was lost when the Master was restored. Enter it by hand in the "
                    "books; or, where it never reached its buyer: manage.py lost_numbers "
                    f"--release {row.number}."
                )
    return found


@transaction.atomic
def release(row: LostNumber, *, at: datetime, by: str, why: str) -> None:
    """Let what a lost invoice billed be billed again: it never reached its buyer."""
    if row.released_at is None:
        LostNumber.objects.filter(pk=row.pk).update(released_at=at)
        record(row.organisation, "number_released", at=at, by=by, why=why, number=row.number)
