"""Close a month by the real path: usage, lines, tax, number, frozen snapshot, entry, journal.

`TENANTRY_BENCH_CONTRACTS` is how many contracts the larger of the two months has; the smaller has
a tenth, so that both speeds together say whether the time is linear.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from django.conf import settings
from django.db import connection

from billing.invoicing.models import Invoice
from billing.runs import services as runs
from billing.runs.models import Outcome
from erp.base.periods import month_of
from erp.contracts.models import Contract, ContractLine, LinePrice
from erp.contracts.states import State
from erp.customers.models import Organisation
from orchestration.instances.models import Instance
from orchestration.instances.states import Requested
from orchestration.instances.states import State as Running
from orchestration.releases.models import SoftwareRelease
from tests.bench.timing import seconds
from tests.billing.builders import a_contract, a_customer, a_reseller
from tests.orchestration.builders import a_release

MONTH = month_of(datetime(2026, 10, 5, tzinfo=UTC))
CONTRACTS = int(os.environ.get("TENANTRY_BENCH_CONTRACTS", "1000"))
ROWS, AIM = 100, 600
_USAGE = """
INSERT INTO orchestration_usagesum (organisation_id, line, hours, starts_at, meter, unit, quantity,
    samples, accuracy, first_at, last_at, stored_at)
SELECT l.organisation_id, l.id, 1, at, 'cpu_hours', 'h', 0.123456789, 360, '', at,
    at + interval '1 hour', at + interval '1 hour'
FROM erp_contractline l JOIN erp_contract c ON c.id = l.contract_id,
    generate_series(0, %(rows)s - 1) AS n,
    LATERAL (SELECT %(start)s + n * interval '7 hours') AS slot(at)
WHERE c.seller_id = %(seller)s
"""


@dataclass(frozen=True, slots=True)
class Closed:
    """How fast a month was closed: drafts and issue, one process."""

    contracts: int
    drafting: float
    issuing: float

    def __str__(self) -> str:
        total = self.drafting + self.issuing
        return (
            f"closing {self.contracts} contracts, {ROWS} usage rows each:"
            f" {self.contracts / total:.1f} invoices/s in one process"
            f" (rating and drafts {self.contracts / self.drafting:.1f}/s,"
            f" issue {self.contracts / self.issuing:.1f}/s); aim {AIM}/s on two cores"
        )


def run() -> Iterator[Closed]:
    """Close a month of few contracts, and one of ten times as many."""
    settings.NUDGES = "tests.billing.conftest.silence"
    release = a_release()
    yield _close(max(CONTRACTS // 10, 1), release)
    yield _close(CONTRACTS, release)


def _close(count: int, release: SoftwareRelease) -> Closed:
    seller = a_reseller(f"Seller of {count}")
    _sell(seller, count, release)
    at = MONTH.end
    opened = runs.open_run(seller, MONTH, cut_off=at, at=at, by="bench")
    drafting = seconds(lambda: runs.work_through(opened, at=at, by="bench"))
    runs.ask_to_issue(opened, at=at, by="bench")
    issuing = seconds(lambda: runs.issue_all(opened, at=at, by="bench"))
    assert opened.items.filter(outcome=Outcome.DRAFTED).count() == count
    assert Invoice.objects.filter(issuer=seller).exclude(number="").count() == count
    return Closed(count, drafting, issuing)


def _sell(seller: Organisation, count: int, release: SoftwareRelease) -> None:
    """Let a customer have so many services that ran all month and were measured."""
    buyer = a_customer(f"Customer of {seller.name}", seller)
    plan = a_contract(a_customer(f"Other of {seller.name}")).plan
    contracts = Contract.objects.bulk_create(
        Contract(
            organisation=buyer, seller=seller, name="Site", currency="EUR",
            starts_at=MONTH.start, state=State.ACTIVE, state_since=MONTH.start,
        )
        for _ in range(count)
    )  # fmt: skip
    lines = ContractLine.objects.bulk_create(
        ContractLine(organisation=buyer, contract=one, name="Site", plan=plan, product="site")
        for one in contracts
    )
    LinePrice.objects.bulk_create(
        LinePrice(
            organisation=buyer, line=line, kind=kind, meter=meter, unit="h" if meter else "",
            unit_price=Decimal(price), included_quantity=2 if meter else 0,
        )
        for line in lines
        for kind, meter, price in (("recurring", "", "30"), ("metered", "cpu_hours", "0.05"))
    )  # fmt: skip
    Instance.objects.bulk_create(
        Instance(
            organisation=buyer, line=line, release=release, secrets_sealed="x",
            requested_state=Requested.DESTROYED, created_at=MONTH.start, state=Running.WIPED,
            state_since=MONTH.end, first_started_at=MONTH.start, wiped_at=MONTH.end,
        )
        for line in lines
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_USAGE, {"rows": ROWS, "start": MONTH.start, "seller": seller.pk})
        cursor.execute("ANALYZE")
