"""Every page over a large world: server time, statements and size.

100,000 customers, 1,000,000 invoices of which 100,000 are open, 10,000 nodes with 200,000
instances; `TENANTRY_BENCH_SHARE` (0.1 when not said) is the part of it that is made. The rows are
valid copies of what the product's own functions made, but for the frozen documents, of which there
is one for all: no page looks at them for a list.
"""

import logging
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.urls import reverse

from billing.invoicing.models import Invoice
from billing.ledger.models import Account, Entry, Posting
from billing.runs import services as runs
from erp.contracts.models import Contract
from erp.customers.models import Organisation
from erp.customers.states import ROLES
from orchestration.instances.models import Instance
from orchestration.nodes.models import ComputeNode
from tests.access.test_every_url import OURS, URLS
from tests.bench.closing import MONTH
from tests.bench.timing import seconds
from tests.bench.world import BASE, TABLES, Example, as_owner, clone, grow, named
from tests.billing.builders import a_contract, a_provider
from tests.erp.builders import a_member
from tests.orchestration.builders import a_release

SHARE = float(os.environ.get("TENANTRY_BENCH_SHARE", "0.1"))
CUSTOMERS, INVOICES, NODES = (int(SHARE * most) for most in (100_000, 1_000_000, 10_000))
OPEN_EVERY = 10
ROUNDS, AIM_MS, AIM_BYTES, SHOWN = 5, 200, 60 * 1024, 12
DETAILS: Mapping[str, Any] = {
    "organisations:detail": Organisation,
    "services:detail": Contract,
    "invoices:detail": Invoice,
    "instances:detail": Instance,
    "nodes:detail": ComputeNode,
}
_PLAIN_FILES = "django.contrib.staticfiles.storage.StaticFilesStorage"
_OF_CUSTOMER = f"{BASE} + mod(n, {CUSTOMERS})"
_NO_TRIGGERS = "ALTER TABLE {table} DISABLE TRIGGER USER"
_ONE_DOCUMENT = (
    "ALTER TABLE billing_invoice DROP CONSTRAINT invoice_issued_has_number_and_document",
    "ALTER TABLE billing_invoice DROP CONSTRAINT invoice_periods_never_overlap",
)


@dataclass(frozen=True, slots=True)
class Page:
    """How a page did."""

    name: str
    milliseconds: float
    statements: int
    size: int

    def __str__(self) -> str:
        return (
            f"{self.name:44} {self.milliseconds:7.0f} ms   {self.statements:3} statements   "
            f"{self.size / 1024:6.1f} KB"
        )


def run() -> Iterator[str]:
    """Make the world, ask for every page five times, print the slowest and what is over the aim."""
    # Pages are asked for in this process: no files were collected, and refusals are no news.
    settings.STORAGES = {**settings.STORAGES, "staticfiles": {"BACKEND": _PLAIN_FILES}}
    logging.getLogger("django.request").setLevel(logging.CRITICAL)
    took = seconds(_make)
    yield f"{CUSTOMERS} customers, {INVOICES} invoices, {NODES} nodes made in {took:.0f} s"
    pages = sorted(_pages(), key=lambda page: -page.milliseconds)
    yield from map(str, pages[:SHOWN])
    slow = [page for page in pages if page.milliseconds > AIM_MS]
    large = [page for page in pages if page.size > AIM_BYTES]
    yield (
        f"{len(pages)} pages, the slowest of {ROUNDS} answers each: {len(slow)} over {AIM_MS} ms, "
        f"{len(large)} over {AIM_BYTES // 1024} KB ({', '.join(page.name for page in large)})"
    )


def _make() -> None:
    settings.NUDGES = "tests.billing.conftest.silence"
    invoice = _an_invoice()
    example = Example.make()
    grow(example, 0, NODES)
    made = Organisation.objects.filter(pk__gte=BASE).count()
    with as_owner() as cursor:
        facts = {**dict(TABLES[0][2]), "name": "'Customer ' || n", "email": "n || '@mail.example'"}
        clone(cursor, example.rows[Organisation], made, CUSTOMERS, facts)
        for statement in _ONE_DOCUMENT:
            cursor.execute(statement)
        for model in (Invoice, Account, Entry, Posting):
            cursor.execute(_NO_TRIGGERS.format(table=model._meta.db_table))
        _invoices(cursor, invoice)
        _books(cursor, invoice)
        cursor.execute("ANALYZE")


def _an_invoice() -> Invoice:
    """Bill one month of a service by the product's own functions."""
    line = a_contract(starts_at=MONTH.start)
    Instance.objects.create(
        organisation=line.organisation, line=line, release=a_release(), secrets_sealed="x",
        requested_state="destroyed", created_at=MONTH.start, state="wiped", state_since=MONTH.end,
        first_started_at=MONTH.start, wiped_at=MONTH.end,
    )  # fmt: skip
    opened = runs.open_run(a_provider(), MONTH, cut_off=MONTH.end, at=MONTH.end, by="bench")
    runs.work_through(opened, at=MONTH.end, by="bench")
    runs.ask_to_issue(opened, at=MONTH.end, by="bench")
    runs.issue_all(opened, at=MONTH.end, by="bench")
    return Invoice.objects.get()


def _invoices(cursor: Any, invoice: Invoice) -> None:
    is_open = f"mod(n, {OPEN_EVERY}) = 0"
    clone(
        cursor, invoice, 0, INVOICES,
        {
            "reference": named("V"), "organisation_id": _OF_CUSTOMER, "document_id": "NULL::bigint",
            "sequence": "n + 10", "number": "'F2026-' || lpad((n + 10)::text, 8, '0')",
            "state": f"CASE WHEN {is_open} THEN 'issued' ELSE 'paid' END",
            "paid_minor": f"CASE WHEN {is_open} THEN 0 ELSE example.total_minor END",
            "period_start_at": "example.period_start_at - interval '1 month'",
            "period_end_at": "example.period_start_at",
        },
    )  # fmt: skip


def _books(cursor: Any, invoice: Invoice) -> None:
    """Open items: an entry and its postings for every invoice that is not paid."""
    count = INVOICES // OPEN_EVERY
    owed = Posting.objects.get(item=invoice.number)
    entry, others = owed.entry, owed.entry.postings.exclude(pk=owed.pk)
    clone(
        cursor, owed.account, 0, CUSTOMERS,
        {
            "code": "example.code || '-' || n", "party_id": f"{BASE} + n",
            "debtor_number": f"{BASE} + n",
        },
    )  # fmt: skip
    clone(
        cursor, entry, 0, count,
        {
            "reference": named("E"), "key": "'copy:' || n", "number": "n + 10",
            "position": "n + 10",
        },
    )  # fmt: skip
    item = f"'F2026-' || lpad((n * {OPEN_EVERY} + 10)::text, 8, '0')"
    due = "example.due_on - mod(n, 120)::int"
    columns = {"entry_id": f"{BASE} + n"}
    first = columns | {"account_id": _OF_CUSTOMER, "item": item, "due_on": due}
    clone(cursor, owed, 0, count, first)
    for number, other in enumerate(others, start=1):
        clone(cursor, other, 0, count, columns | {"id": f"{BASE} + {number * count} + n"})


def _pages() -> Iterator[Page]:
    """Ask for every page of the provider's people, and for those about one of many objects."""
    provider = a_provider()
    customer = Organisation.objects.get(pk=BASE)
    people = [a_member(provider, role) for role in sorted(ROLES[provider.kind])]
    people.append(a_member(customer, sorted(ROLES[customer.kind])[0]))
    for name in OURS:
        if name.startswith(("healthy", "metrics")):
            continue
        kwargs = _object_of(name) if URLS[name] else {}
        if kwargs is not None:
            page = _measured(name, reverse(name, kwargs=kwargs), people)
            if page:
                yield page


def _object_of(name: str) -> dict[str, Any] | None:
    """Return what a page is about, for the pages about one of very many."""
    model = DETAILS.get(name)
    return model and {"reference": model.objects.filter(pk__gte=BASE).first().reference}


def _measured(name: str, path: str, people: list[User]) -> Page | None:
    for user in people:
        client = Client(raise_request_exception=False, headers={"host": "localhost"})
        client.force_login(user)
        answer = client.get(path)
        if answer.status_code == 200 and not answer.streaming:
            found: list[str] = []
            with connection.execute_wrapper(partial(_noted, found)):
                client.get(path)
            times = []
            for _ in range(ROUNDS):
                began = time.perf_counter()
                client.get(path)
                times.append(time.perf_counter() - began)
            return Page(name, 1000 * max(times), len(found), len(answer.content))
    return None


def _noted(found: list[str], execute: Any, sql: str, *arguments: Any) -> Any:
    found.append(sql)
    return execute(sql, *arguments)
