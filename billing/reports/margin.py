"""Margin: what was invoiced less what it cost, by customer, product, reseller or machine.

The provider's cost are its machines, with what stood idle as a cost of its own. A reseller's cost
is what its provider invoiced for the same services.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal

from billing.reports import sql
from billing.reports.table import Asked, Column, Kind, Row, Table
from erp.base.money import round_minor
from erp.base.periods import Period
from erp.contracts.models import ContractLine
from erp.customers.models import Organisation
from erp.customers.states import Kind as Party
from erp.ports import MachineCost, cost_source

BY: Mapping[str, str] = {
    "customer": "Customer", "product": "Product", "reseller": "Reseller", "node": "Node",
}  # fmt: skip
IDLE, DIRECT, ELSEWHERE = "Idle capacity", "Direct sale", "Without a machine"
# More rows than anybody reads: the rest is one.
MOST_ROWS = 2000
_NET = """
SELECT r.line_id AS line,
    sum(CASE WHEN i.kind = 'credit_note' THEN -l.net_minor ELSE l.net_minor END)::bigint AS net
FROM billing_invoice i JOIN billing_invoiceline l ON l.invoice_id = i.id
JOIN billing_ratedline r ON r.id = l.rated_line_id
WHERE {whose} AND i.number <> '' AND i.currency = %(currency)s
  AND i.issued_on BETWEEN %(start)s AND %(end)s
GROUP BY 1
"""
_SOLD, _BOUGHT = "i.issuer_id = %(books)s", "i.organisation_id = %(books)s"


@dataclass
class Sums:
    """What one row adds up, in minor units."""

    revenue: int = 0
    cost: int = 0
    idle: int = 0
    url: str = ""

    @property
    def margin(self) -> int:
        """Return what is left."""
        return self.revenue - self.cost - self.idle


@dataclass
class Facts:
    """Revenue and cost by contract line, and what machines cost."""

    revenue: Mapping[int, int]
    cost: dict[int, int] = field(default_factory=dict)
    machines: list[MachineCost] = field(default_factory=list)


def margin(books: Organisation, asked: Asked) -> Table:
    """Return revenue, cost and margin of the days asked for, by what was chosen."""
    facts = _facts(books, asked)
    by = asked.by if asked.by in BY else "customer"
    sums = _by_node(facts) if by == "node" else _by_line(facts, _NAMES[by])
    columns = [
        Column(BY[by]), Column("Revenue", Kind.MONEY), Column("Cost", Kind.MONEY),
        Column("Idle", Kind.MONEY), Column("Margin", Kind.MONEY), Column("Of revenue"),
    ]  # fmt: skip
    total = Sums(*(sum(getattr(one, name) for one in sums.values()) for name in _MONEY))
    rows = [_row(name, one) for name, one in _ordered(sums)]
    cells = _row("Total", total).cells
    return Table(
        f"Margin by {BY[by].lower()}", asked.currency, columns, rows, cells, note=_NOTES[by]
    )


_MONEY = ("revenue", "cost", "idle")
_OF_DAYS = "Revenue is what was issued in these days, without tax; cost is that of the same days."
_NOTES = {
    "customer": _OF_DAYS, "product": _OF_DAYS, "reseller": _OF_DAYS,
    "node": f"{_OF_DAYS} Revenue of a service stands where it ran; open a machine to set its cost.",
}  # fmt: skip


def _facts(books: Organisation, asked: Asked) -> Facts:
    given = {
        "books": books.pk, "currency": asked.currency, "start": asked.start, "end": asked.end,
    }  # fmt: skip
    sold = {one.line: one.net for one in sql.rows_of_much(_NET.format(whose=_SOLD), given)}
    if books.kind != Party.PROVIDER:
        bought = {one.line: one.net for one in sql.rows_of_much(_NET.format(whose=_BOUGHT), given)}
        return Facts(sold, bought)
    start = datetime.combine(asked.start, time(), tzinfo=UTC)
    end = datetime.combine(asked.end + timedelta(days=1), time(), tzinfo=UTC)
    found = Facts(sold)
    found.machines = list(
        cost_source().costs(provider=books.pk, period=Period(start, end), currency=asked.currency)
    )
    for machine in found.machines:
        for line, minor in machine.by_line.items():
            found.cost[line] = found.cost.get(line, 0) + minor
    return found


def _by_line(facts: Facts, name_of: Callable[[ContractLine], str]) -> dict[str, Sums]:
    keys = {*facts.revenue, *facts.cost}
    lines = ContractLine.objects.filter(pk__in=keys)
    sums: dict[str, Sums] = {}
    for line in lines.select_related("organisation", "contract__seller"):
        one = sums.setdefault(name_of(line), Sums())
        one.revenue += facts.revenue.get(line.pk, 0)
        one.cost += facts.cost.get(line.pk, 0)
    idle = sum(machine.idle_minor for machine in facts.machines)
    if idle:
        sums[IDLE] = Sums(idle=idle)
    return sums


def _customer(line: ContractLine) -> str:
    return f"{line.organisation.name} ({line.organisation.reference})"


def _reseller(line: ContractLine) -> str:
    seller = line.contract.seller
    if seller.kind == Party.RESELLER:
        return f"{seller.name} ({seller.reference})"
    buyer = line.organisation
    return f"{buyer.name} ({buyer.reference})" if buyer.kind == Party.RESELLER else DIRECT


_NAMES: Mapping[str, Callable[[ContractLine], str]] = {
    "customer": _customer,
    "product": lambda line: line.product or "–",
    "reseller": _reseller,
}


def _by_node(facts: Facts) -> dict[str, Sums]:
    """Return the sums of machines; a service on several earns where it costs, in proportion."""
    left = dict(facts.revenue)
    sums: dict[str, Sums] = {}
    for machine in facts.machines:
        one = Sums(
            cost=sum(machine.by_line.values()),
            idle=machine.idle_minor,
            url=f"/nodes/{machine.reference}/costs",
        )
        for line, minor in machine.by_line.items():
            whole, revenue = facts.cost[line], facts.revenue.get(line, 0)
            share = round_minor(Decimal(revenue) * minor / whole) if whole else 0
            one.revenue += share
            left[line] = left.get(line, 0) - share
        sums[f"{machine.name} ({machine.reference})"] = one
    rest = sum(left.values())
    if rest:
        sums[ELSEWHERE] = Sums(revenue=rest)
    return sums


def _ordered(sums: Mapping[str, Sums]) -> Iterable[tuple[str, Sums]]:
    """Return the rows, the greatest revenue first; beyond what anybody reads, one for the rest."""
    rows = sorted(sums.items(), key=lambda pair: (pair[0] == IDLE, -pair[1].revenue, pair[0]))
    rest = rows[MOST_ROWS:]
    if not rest:
        return rows
    others = Sums(*(sum(getattr(one, name) for _, one in rest) for name in _MONEY))
    return [*rows[:MOST_ROWS], (f"{len(rest)} others", others)]


def _row(name: str, one: Sums) -> Row:
    share = f"{Decimal(one.margin) * 100 / one.revenue:.1f} %" if one.revenue > 0 else "–"
    return Row((name, one.revenue, one.cost, one.idle, one.margin, share), url=one.url)
