"""Gather the facts that pricing needs."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from django.db.models import Max

from billing.rating.aggregate import Reading, level
from billing.rating.models import BilledWindow, RatedLine
from billing.rating.price import shares_of
from billing.rating.tariffs import Billed, Measured, Service, Tariff
from erp.base.periods import Period
from erp.catalogue.models import Price, PriceKind
from erp.catalogue.terms import Aggregation, Terms, read, read_whole
from erp.contracts.models import Contract, ContractLine, LinePrice
from erp.ports import usage_source

# How many billed windows back a late sample is still looked for: a year of months.
WINDOWS_BACK = 12
# In which order the prices of a line are billed.
_ORDER = {PriceKind.RECURRING: 0, PriceKind.SETUP: 1, PriceKind.METERED: 2}


def window_of(contract: Contract, end: datetime) -> Period | None:
    """Return the time that is not billed yet: from the last billed end to `end` or the contract's.

    Windows of one contract therefore touch and never overlap, also when a run was left out.
    """
    billed = BilledWindow.objects.filter(line__contract=contract)
    until = billed.aggregate(until=Max("rated_line__run__ends_at"))["until"]
    start = max(contract.starts_at, until or contract.starts_at)
    end = min(end, contract.ends_at or end)
    return Period(start, end) if start < end else None


def services_of(
    contract: Contract, window: Period, cut_off: datetime
) -> list[tuple[Service, Period]]:
    """Return what each line of the contract was in the window, each with the time to rate."""
    lines = contract.lines.prefetch_related("prices").order_by("position")
    found = [one for line in lines for one in versions_of(line, line.prices.all(), window)]
    return services_at(found, window, cut_off)


@dataclass(frozen=True, slots=True)
class Version:
    """What of a line is rated together: prices that are in force over the same time.

    Args:
        part: the time, inside the window that is rated.
    """

    line: ContractLine
    quantity: Decimal
    tariffs: tuple[Tariff, ...]
    part: Period

    @property
    def is_metered(self) -> bool:
        """Return whether anything of it is billed by usage."""
        return any(tariff.kind == PriceKind.METERED for tariff in self.tariffs)


def versions_of(line: ContractLine, prices: Iterable[LinePrice], window: Period) -> list[Version]:
    """Return the versions of a line in the window, the earliest first."""
    groups: dict[tuple[Period, Decimal], list[LinePrice]] = {}
    for price in prices:
        part = price.within(window)
        if part:
            groups.setdefault((part, price.quantity), []).append(price)
    found = [
        Version(line, quantity, tariffs_of(its), part) for (part, quantity), its in groups.items()
    ]
    return sorted(found, key=lambda one: (one.part, _ORDER[PriceKind(one.tariffs[0].kind)]))


def services_at(
    versions: Sequence[Version], window: Period, cut_off: datetime
) -> list[tuple[Service, Period]]:
    """Return what the versions were, each with its part of the window.

    As many statements for any number of lines, and one more for each part of its own.
    """
    keys = list({one.line.pk for one in versions})
    existed = converged(keys, window)
    usage = _usage_of(versions, window, cut_off, existed)
    set_up = BilledWindow.objects.filter(line__in=keys, kind=PriceKind.SETUP)
    done = set(set_up.values_list("line_id", flat=True))
    return [
        (
            Service(
                line=one.line.pk,
                name=one.line.name,
                quantity=one.quantity,
                tariffs=one.tariffs,
                converged=within(existed.get(one.line.pk, ()), one.part),
                usage=usage.get((one.line.pk, one.part), {}),
                setup_due=one.line.pk not in done,
            ),
            one.part,
        )
        for one in versions
    ]


def _usage_of(
    versions: Sequence[Version],
    window: Period,
    cut_off: datetime,
    existed: Mapping[int, Sequence[Period]],
) -> dict[tuple[int, Period], dict[str, Measured]]:
    """Return what each version used, per meter.

    A part so short that no sample ends in it used nothing, if the meter was read in the window.
    """
    parts: dict[Period, dict[int, tuple[Tariff, ...]]] = {}
    for one in versions:
        if one.is_metered:
            its = parts.setdefault(one.part, {})
            its[one.line.pk] = its.get(one.line.pk, ()) + one.tariffs
    found: dict[tuple[int, Period], dict[str, Measured]] = {}
    for part, tariffs in parts.items():
        for (line, meter), used in measured(tariffs, part, cut_off, existed=existed).items():
            found.setdefault((line, part), {})[meter] = used
    short = {part: its for part, its in parts.items() if part != window}
    for key, meter, nothing in _silent(short, found, window, cut_off):
        found.setdefault(key, {})[meter] = nothing
    return found


def _silent(
    parts: Mapping[Period, Mapping[int, Sequence[Tariff]]],
    found: Mapping[tuple[int, Period], Mapping[str, Measured]],
    window: Period,
    cut_off: datetime,
) -> list[tuple[tuple[int, Period], str, Measured]]:
    """Return what used nothing because no sample ends in its part: the meter was read before."""
    missing = [
        ((line, part), tariff.meter)
        for part, tariffs in parts.items()
        for line, its in tariffs.items()
        for tariff in its
        if tariff.kind == PriceKind.METERED and tariff.meter not in found.get((line, part), {})
    ]
    if not missing:
        return []
    lines = {line for (line, _), _ in missing}
    read = usage_source().usage(lines=lines, period=window, stored_before=cut_off)
    nothing = {
        (one.line, one.meter): Measured(Decimal(0), 0, one.first_at, one.last_at) for one in read
    }
    return [
        (key, meter, nothing[key[0], meter]) for key, meter in missing if (key[0], meter) in nothing
    ]


def within(periods: Sequence[Period], part: Period) -> tuple[Period, ...]:
    """Return what of the periods lies in the part."""
    return tuple(common for period in periods if (common := period.overlap(part)))


def converged(lines: Collection[int], window: Period) -> dict[int, tuple[Period, ...]]:
    """Return when each line's service existed inside the window."""
    found = usage_source().converged(lines=lines, period=window)
    return {line: within(periods, window) for line, periods in found.items()}


def measured(
    tariffs: Mapping[int, Sequence[Tariff]],
    window: Period,
    cut_off: datetime,
    *,
    existed: Mapping[int, Sequence[Period]],
) -> dict[tuple[int, str], Measured]:
    """Return the quantity per line and meter of what was stored before the cut-off.

    Sums come from the source at once; a level needs the readings behind it.
    """
    found = usage_source().usage(lines=list(tariffs), period=window, stored_before=cut_off)
    summed = {
        (one.line, one.meter): Measured(one.quantity, one.samples, one.first_at, one.last_at)
        for one in found
    }
    levels = {
        (line, tariff.meter): tariff.terms.aggregation
        for line, its in tariffs.items()
        for tariff in its
        if tariff.terms.aggregation != Aggregation.SUM and (line, tariff.meter) in summed
    }
    return summed | _levels(levels, summed, window, cut_off, existed=existed)


def _levels(
    wanted: Mapping[tuple[int, str], Aggregation],
    summed: Mapping[tuple[int, str], Measured],
    window: Period,
    cut_off: datetime,
    *,
    existed: Mapping[int, Sequence[Period]],
) -> dict[tuple[int, str], Measured]:
    if not wanted:
        return {}
    readings: dict[tuple[int, str], list[Reading]] = {key: [] for key in wanted}
    lines, meters = {line for line, _ in wanted}, {meter for _, meter in wanted}
    for one in usage_source().readings(
        lines=lines, meters=meters, period=window, stored_before=cut_off
    ):
        if (one.line, one.meter) in readings:
            readings[one.line, one.meter].append(
                Reading(one.quantity, one.starts_at, one.ends_at, one.subject)
            )
    return {
        key: replace(
            summed[key],
            quantity=level(readings[key], how, shares_of(existed.get(key[0], ()), window)),
        )
        for key, how in wanted.items()
    }


def billed_meters(contract: Contract) -> list[Billed]:
    """Return what was billed by meter in the last windows, with the corrections so far."""
    rated = RatedLine.objects.filter(
        line__contract=contract, kind=PriceKind.METERED, corrects=None, billed__isnull=False
    ).order_by("-ends_at", "pk")
    ends = sorted(set(rated.values_list("ends_at", flat=True)))[-WINDOWS_BACK:]
    recent = rated.filter(ends_at__in=ends).select_related("line", "billed")
    charges: dict[tuple[int, str, datetime], list[RatedLine]] = {}
    for one in recent:
        charges.setdefault((one.line_id, one.meter, one.starts_at), []).append(one)
    originals = [one.pk for its in charges.values() for one in its]
    corrections: dict[int | None, list[RatedLine]] = {}
    for one in RatedLine.objects.filter(corrects__in=originals, billed__isnull=False):
        corrections.setdefault(one.corrects_id, []).append(one)
    return [_billed(its, corrections) for its in charges.values()]


def _billed(
    charge: Sequence[RatedLine], corrections: Mapping[int | None, Sequence[RatedLine]]
) -> Billed:
    """Put the lines of one charge together with what corrected them: it names the first."""
    original = next(one for one in charge if not one.part)
    everything = [*charge, *corrections.get(original.pk, ())]
    found: dict[tuple[str, Decimal], tuple[Decimal, int]] = {}
    for one in everything:
        quantity, minor = found.get((one.part, one.unit_price), (Decimal(0), 0))
        found[one.part, one.unit_price] = quantity + one.quantity, minor + one.minor
    terms = read_whole(original.terms) if original.terms else Terms(original.unit_price)
    return Billed(
        rated_line=original.pk,
        line=original.line_id,
        name=original.line.name,
        tariff=Tariff(original.kind, original.meter, original.unit, terms),
        window=original.window,
        used=sum((one.used_quantity or Decimal(0) for one in everything), Decimal(0)),
        included=original.included_quantity,
        scale=Decimal(original.evidence.get("scale", 1)),
        pieces=found,
        invoice_number=original.billed.invoice_number,
    )


def tariffs_of(prices: Iterable[LinePrice | Price]) -> tuple[Tariff, ...]:
    """Return prices as pricing knows them, in the order of their lines."""
    prices = sorted(prices, key=lambda price: (_ORDER[PriceKind(price.kind)], price.meter))
    return tuple(
        Tariff(
            price.kind,
            price.meter,
            price.unit,
            read(price.terms, unit_price=price.unit_price, included=price.included_quantity),
        )
        for price in prices
    )
