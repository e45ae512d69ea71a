"""Close a month by the real path: usage, lines, tax, number, frozen snapshot, entry, journal.

`TENANTRY_BENCH_CONTRACTS` is how many contracts the larger of the two months has; the smaller has
a tenth, so that both speeds together say whether the time is linear. A third month is the smaller
one with a hundred times the samples behind the same sums.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from django.conf import settings
from django.db import connection, connections

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
from tests.bench.timing import Spent, spent
from tests.billing.builders import a_contract, a_customer, a_reseller
from tests.orchestration.builders import a_release

MONTH = month_of(datetime(2026, 10, 5, tzinfo=UTC))
CONTRACTS = int(os.environ.get("TENANTRY_BENCH_CONTRACTS", "1000"))
PER_CUSTOMER, ROWS, AIM = 5, 100, 600
# Hours in which something was measured, and their days, as the intake of samples writes them.
_USAGE = """
WITH slots AS (
    SELECT l.organisation_id, l.id AS line, at FROM erp_contractline l
    JOIN erp_contract c ON c.id = l.contract_id, generate_series(0, %(rows)s - 1) AS n,
    LATERAL (SELECT %(start)s + n * interval '7 hours') AS slot(at)
    WHERE c.seller_id = %(seller)s
), sums AS (
    SELECT organisation_id, line, 1 AS hours, at AS starts_at, count(*) AS slots FROM slots
    GROUP BY 1, 2, 4
    UNION ALL
    SELECT organisation_id, line, 24, date_trunc('day', at), count(*) FROM slots GROUP BY 1, 2, 4
)
INSERT INTO orchestration_usagesum (organisation_id, line, hours, starts_at, meter, unit, quantity,
    samples, accuracy, first_at, last_at, stored_at)
SELECT organisation_id, line, hours, starts_at, 'cpu_hours', 'h', slots * 0.123456789,
    slots * %(samples)s, '', starts_at, starts_at + interval '1 hour',
    starts_at + interval '25 hours'
FROM sums
"""


@dataclass(frozen=True, slots=True)
class Closed:
    """How fast a month was closed, in one process: drafts and issue."""

    contracts: int
    samples: int
    drafting: Spent
    issuing: Spent

    def __str__(self) -> str:
        both = self.drafting + self.issuing
        return (
            f"closing {self.contracts} contracts, {ROWS} usage rows of {self.samples} samples each:"
            f" {self.contracts / both.wall:.0f} invoices/s in one process"
            f" (rating and drafts {self.contracts / self.drafting.wall:.0f}/s,"
            f" issue {self.contracts / self.issuing.wall:.0f}/s);"
            f" CPU an invoice: Python {both.python * 1000 / self.contracts:.2f} ms,"
            f" PostgreSQL {both.database * 1000 / self.contracts:.2f} ms,"
            f" which two cores do {2 * self.contracts / both.cpu:.0f} times a second; aim {AIM}/s"
        )


def run() -> Iterator[Closed]:
    """Close a month of few contracts, one of ten times as many, one of many more samples."""
    settings.NUDGES = "tests.billing.conftest.silence"
    release = a_release()
    few = max(CONTRACTS // 10, 1)
    yield _close(few, release)
    yield _close(CONTRACTS, release)
    yield _close(few, release, samples=36_000)


def _close(count: int, release: SoftwareRelease, *, samples: int = 360) -> Closed:
    seller = a_reseller(f"Seller of {count}, {samples}")
    sell(seller, count, release, samples=samples)
    _analyse()
    at = MONTH.end
    opened = runs.open_run(seller, MONTH, cut_off=at, at=at, by="bench")
    drafting = spent(lambda: runs.work_through(opened, at=at, by="bench"))
    runs.ask_to_issue(opened, at=at, by="bench")
    issuing = spent(lambda: runs.issue_all(opened, at=at, by="bench"))
    assert opened.items.filter(outcome=Outcome.DRAFTED).count() == count
    assert Invoice.objects.filter(issuer=seller).exclude(number="").count() == count
    return Closed(count, samples, drafting, issuing)


def sell(seller: Organisation, count: int, release: SoftwareRelease, *, samples: int = 360) -> None:
    """Let customers have so many services that ran all month and were measured."""
    buyers = [
        a_customer(f"Customer {number} of {seller.name}", seller)
        for number in range(-(-count // PER_CUSTOMER))
    ]
    plan = a_contract(a_customer(f"Other of {seller.name}")).plan
    contracts = Contract.objects.bulk_create(
        Contract(
            organisation=buyers[number // PER_CUSTOMER], seller=seller, name="Site",
            currency="EUR", starts_at=MONTH.start, state=State.ACTIVE, state_since=MONTH.start,
        )
        for number in range(count)
    )  # fmt: skip
    lines = ContractLine.objects.bulk_create(
        ContractLine(
            organisation_id=one.organisation_id, contract=one, name="Site", plan=plan,
            product="site",
        )
        for one in contracts
    )  # fmt: skip
    LinePrice.objects.bulk_create(
        LinePrice(
            organisation_id=line.organisation_id, line=line, kind=kind, meter=meter,
            unit="h" if meter else "", unit_price=Decimal(price),
            included_quantity=2 if meter else 0,
        )
        for line in lines
        for kind, meter, price in (("recurring", "", "30"), ("metered", "cpu_hours", "0.05"))
    )  # fmt: skip
    Instance.objects.bulk_create(
        Instance(
            organisation_id=line.organisation_id, line=line, release=release, secrets_sealed="x",
            requested_state=Requested.DESTROYED, created_at=MONTH.start, state=Running.WIPED,
            state_since=MONTH.end, first_started_at=MONTH.start, wiped_at=MONTH.end,
        )
        for line in lines
    )  # fmt: skip
    facts: dict[str, int | datetime] = {
        "rows": ROWS,
        "start": MONTH.start,
        "seller": seller.pk,
        "samples": samples,
    }
    with connection.cursor() as cursor:
        cursor.execute(_USAGE, facts)


def _analyse() -> None:
    """Let the planner know the tables, as they are by themselves; only their owner may."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("ANALYZE")
    connections["owner"].close()
