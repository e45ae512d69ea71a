"""Base prices that are billed in advance, or changed after they were billed.

In advance, a month is billed from the first existence of the service to its end, and is not given
back when the service ends within it. What a change of plan or quantity makes of time that is
billed already becomes an adjustment: together both are what would have been billed at once.

Source: docs/adr/0026-services-that-change.md
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from django.db.models import F, Q

from billing.rating.models import RatedLine
from billing.rating.price import charges
from billing.rating.queries import WINDOWS_BACK, converged, tariffs_of, within
from billing.rating.tariffs import Charge, Service
from erp.base.periods import Period, add_months, month_of
from erp.catalogue.models import PriceKind
from erp.contracts.models import ContractLine, LinePrice


@dataclass(frozen=True, slots=True)
class BilledBase:
    """A base price that was billed, with its corrections: quantity and amount by unit price."""

    rated_line: int
    window: Period
    existed: tuple[Period, ...]
    pieces: Mapping[Decimal, tuple[Decimal, int]]
    invoice_number: str


@dataclass(frozen=True, slots=True)
class Base:
    """The base price of one line: dated prices, when it existed, and what was billed so far."""

    line: ContractLine
    prices: tuple[LinePrice, ...]
    existed: Sequence[Period]
    billed: Sequence[BilledBase]

    def charges(self, window: Period) -> list[Charge]:
        """Return what the window adds, and what changed of what was billed before."""
        return [
            *self._coming(window),
            *(one for billed in self.billed for one in self._new(billed)),
        ]

    def _coming(self, window: Period) -> list[Charge]:
        start = max([window.start, *(one.window.end for one in self.billed)])
        found: list[Charge] = []
        for price in self.prices:
            end = self._end_of(price, window)
            part = price.within(Period(start, end)) if start < end else None
            if part:
                existed = self.existed
                if price.in_advance and existed:
                    existed = [Period(existed[0].start, end)] if existed[0].start < end else []
                found += self._charged(price, part, existed)
        return found

    def _end_of(self, price: LinePrice, window: Period) -> datetime:
        """Return up to when a price is billed: in advance, to the end of the month that begins."""
        if not price.in_advance:
            return window.end
        end = month_of(window.end).end
        return min(end, self.line.contract.ends_at or end)

    def _charged(self, price: LinePrice, part: Period, existed: Sequence[Period]) -> list[Charge]:
        service = Service(
            line=self.line.pk,
            name=self.line.name,
            quantity=price.quantity,
            tariffs=tariffs_of([price]),
            converged=within(existed, part),
            usage={},
            setup_due=False,
        )
        return charges(service, part, self.line.contract.currency)

    def _new(self, billed: BilledBase) -> list[Charge]:
        """Return how what is owed for a billed window differs from what was billed."""
        owed: dict[Decimal, tuple[Decimal, int]] = {}
        for price in self.prices:
            part = price.within(billed.window)
            for one in self._charged(price, part, billed.existed) if part else ():
                quantity, minor = owed.get(one.unit_price, _NOTHING)
                owed[one.unit_price] = quantity + one.quantity, minor + one.minor
        found = []
        for unit_price in dict.fromkeys([*billed.pieces, *owed]):
            now, before = owed.get(unit_price, _NOTHING), billed.pieces.get(unit_price, _NOTHING)
            if now != before:
                found.append(self._adjustment(billed, unit_price, now, before))
        return found

    def _adjustment(
        self,
        billed: BilledBase,
        unit_price: Decimal,
        now: tuple[Decimal, int],
        before: tuple[Decimal, int],
    ) -> Charge:
        month = f"{billed.window.start:%B %Y}"
        return Charge(
            line=self.line.pk,
            kind=PriceKind.RECURRING,
            meter="",
            unit="month",
            description=f"{self.line.name}: base price, {month}, corrects {billed.invoice_number}",
            quantity=now[0] - before[0],
            unit_price=unit_price,
            minor=now[1] - before[1],
            window=billed.window,
            corrects=billed.rated_line,
            evidence={"billed_before": str(before[0]), "now": str(now[0])},
        )


_NOTHING = (Decimal(0), 0)
_EVER = datetime.min.replace(tzinfo=UTC)


def dated_lines(contracts: Collection[int]) -> list[ContractLine]:
    """Return the lines whose base price is billed here: in advance, or with dates."""
    is_dated = Q(starts_at__isnull=False) | Q(ends_at__isnull=False) | Q(in_advance=True)
    prices = LinePrice.objects.filter(is_dated, line__contract__in=contracts)
    lines = prices.filter(kind=PriceKind.RECURRING).values("line")
    rows = ContractLine.objects.filter(pk__in=lines).select_related("contract")
    return list(rows.prefetch_related("prices").order_by("contract_id", "position"))


def charges_of(windows: Mapping[int, Period]) -> dict[int, list[Charge]]:
    """Return the charges of dated base prices by contract, each over its window."""
    lines = dated_lines(windows)
    if not lines:
        return {}
    whole = {one.pk: _since_it_began(one, windows[one.contract_id].end) for one in lines}
    existed = converged(whole)
    since = add_months(min(one.start for one in windows.values()), -WINDOWS_BACK, anchor=1)
    billed = billed_of([one.pk for one in lines], since)
    found: dict[int, list[Charge]] = {}
    for line in lines:
        its = base_of(line, line.prices.all(), existed.get(line.pk, ()), billed)
        found.setdefault(line.contract_id, []).extend(its.charges(windows[line.contract_id]))
    return found


def _since_it_began(line: ContractLine, end: datetime) -> Period:
    return Period(min(line.contract.starts_at, end - timedelta(microseconds=1)), end)


def base_of(
    line: ContractLine,
    prices: Collection[LinePrice],
    existed: Sequence[Period],
    billed: Mapping[int, Sequence[BilledBase]],
) -> Base:
    """Return the base price of a line at these prices, the earliest first."""
    base = [one for one in prices if one.kind == PriceKind.RECURRING]
    ordered = sorted(base, key=lambda one: one.starts_at or _EVER)
    return Base(line, tuple(ordered), existed, billed.get(line.pk, ()))


def billed_of(lines: Collection[int], since: datetime) -> dict[int, list[BilledBase]]:
    """Return what was billed of base prices for time after a moment, by line, with corrections."""
    rows = RatedLine.objects.filter(
        line__in=lines,
        organisation=F("line__organisation"),
        kind=PriceKind.RECURRING,
        ends_at__gt=since,
        billed__isnull=False,
    )
    its: dict[int, list[RatedLine]] = {}
    originals: list[RatedLine] = []
    for one in rows.select_related("billed").order_by("starts_at", "pk"):
        its.setdefault(one.corrects_id or one.pk, []).append(one)
        if one.corrects_id is None:
            originals.append(one)
    found: dict[int, list[BilledBase]] = {}
    for original in originals:
        found.setdefault(original.line_id, []).append(_billed(original, its[original.pk]))
    return found


def _billed(original: RatedLine, everything: Sequence[RatedLine]) -> BilledBase:
    pieces: dict[Decimal, tuple[Decimal, int]] = {}
    for one in everything:
        quantity, minor = pieces.get(one.unit_price, _NOTHING)
        pieces[one.unit_price] = quantity + one.quantity, minor + one.minor
    existed = tuple(
        Period(datetime.fromisoformat(start), datetime.fromisoformat(end))
        for start, end in original.evidence.get("converged", ())
    )
    return BilledBase(original.pk, original.window, existed, pieces, original.billed.invoice_number)
