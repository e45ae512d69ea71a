"""A month of a seller with something of everything, and what its closing left, to compare."""

import json
from typing import Any

from billing.invoicing.models import Invoice
from billing.ledger.models import Entry
from billing.runs import services as runs
from billing.runs.models import BillingRun, RunItem
from erp.base.journal import JournalLine
from erp.base.periods import Period
from erp.contracts.models import Contract
from erp.customers.models import Organisation
from erp.outbox.models import Mail
from tests.billing.builders import (
    NOVEMBER,
    OPENED,
    FakeUsage,
    a_contract,
    a_customer,
    a_reseller,
    at,
    confirmed,
)

DECEMBER = Period(at("2026-12-01"), at("2027-01-01"))
JANUARY_1 = at("2027-01-01T06:00")
PRICES = (
    ("recurring", "", "29.99", "0"),
    ("setup", "", "7", "0"),
    ("metered", "cpu_hours", "0.0517", "3"),
)
BUYERS = (
    ("Lyon", {"country": "FR"}),
    ("Berlin", {"country": "DE", "vat_number": "DE136695976", "language": "de"}),
    ("Bern", {"country": "CH"}),
    ("Porto", {"country": "PT", "vat_number": "PT501964843"}),
)


def a_seller(usage: FakeUsage, name: str, *, rounds: int = 3) -> Organisation:
    """Return a seller whose November is issued, and whose December has late and odd things."""
    seller = a_reseller(name)
    lines = []
    for number in range(rounds):
        for town, facts in BUYERS:
            buyer = a_customer(f"{town} {number} of {name}", seller, **facts)
            if town == "Berlin":
                confirmed(buyer)
            lines.append(
                a_contract(buyer, prices=PRICES, starts_at=at(f"2026-11-0{number % 2 + 1}"))
            )
    for number, line in enumerate(lines):
        usage.exists(line, NOVEMBER.start, DECEMBER.end)
        usage.sample(line, f"{number}.123456789", ends_at=at("2026-11-20"))
        if number % 5 != 4:  # The others are not measured in December: they are parked.
            usage.sample(line, f"{3 * number}.5", ends_at=at("2026-12-20"))
        if number % 3 == 1:
            late = at("2026-12-02")
            usage.sample(line, "11.1", ends_at=at("2026-11-21"), stored_at=late)
    free = a_contract(lines[0].organisation, prices=(("recurring", "", "0", "0"),))
    usage.exists(free, NOVEMBER.start, DECEMBER.end)
    close(opened(seller, NOVEMBER))
    return seller


def opened(seller: Organisation, period: Period = DECEMBER) -> BillingRun:
    moment = OPENED if period == NOVEMBER else JANUARY_1
    return runs.open_run(seller, period, cut_off=moment, at=moment, by="anna")


def close(run: BillingRun) -> None:
    """Make the drafts and issue them, as far as nobody else holds them."""
    moment = run.opened_at
    runs.work_through(run, at=moment, by="anna")
    if run.finished_at:
        runs.ask_to_issue(run, at=moment, by="anna")
        runs.issue_all(run, at=moment, by="anna")


def is_closed(run: BillingRun) -> bool:
    run.refresh_from_db()
    return run.finished_at is not None and not runs.drafts_of(run).exists()


def left(seller: Organisation) -> bytes:
    """Return all that the closings of a seller left, without what is drawn by lot."""
    found = [_of(contract) for contract in Contract.objects.filter(seller=seller).order_by("pk")]
    entries = Entry.objects.filter(organisation=seller).order_by("position")
    books = [[one.full_number, one.position, one.description, one.currency] for one in entries]
    written = json.dumps([found, books], sort_keys=True, default=str, indent=1)
    for known in (seller, *Organisation.objects.filter(parent=seller).order_by("pk")):
        alike = known.name.replace(seller.name, "the seller")
        written = written.replace(json.dumps(known.name)[1:-1], alike)
    return written.encode()


def _of(contract: Contract) -> list[Any]:
    items = RunItem.objects.filter(contract=contract).order_by("run")
    return [
        [[one.outcome, one.reason] for one in items],
        [_invoice(one) for one in Invoice.objects.filter(contract=contract).order_by("pk")],
    ]


def _invoice(invoice: Invoice) -> list[Any]:
    document = invoice.document
    assert document is not None, "all are issued"
    entry = Entry.objects.filter(key=f"invoice:{invoice.reference}").first()
    legs = entry.postings.order_by("account__code") if entry else ()
    journal = JournalLine.objects.filter(subject_reference=invoice.reference).order_by("position")
    mails = Mail.objects.filter(about_reference=invoice.reference).order_by("pk")
    return [
        [invoice.number, invoice.state, invoice.issued_on, invoice.due_on, invoice.taxes],
        {**document.snapshot, "contract": ""},
        [[one.account.general_code, one.minor, one.item, one.due_on] for one in legs],
        [
            [one.rated_line.billed.invoice_number, one.corrects_number, one.rated_line.evidence]
            for one in invoice.lines.order_by("position")
        ],
        [[one.event, one.by, one.details] for one in journal],
        [[one.subject, one.recipient] for one in mails],
    ]
