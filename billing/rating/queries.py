"""Gather the facts that pricing needs."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from django.db.models import F, Max, QuerySet, Window
from django.db.models.functions import DenseRank

from billing.rating.aggregate import Reading, level
from billing.rating.models import BilledWindow, RatedLine
from billing.rating.price import shares_of
from billing.rating.tariffs import Billed, Measured, Service, Tariff
from erp.base.periods import Period
from erp.catalogue.models import Price, PriceKind
from erp.catalogue.terms import Aggregation, Terms, read, read_whole
from erp.contracts.models import Contract, ContractLine, LinePrice
from erp.ports import Looked, usage_source

# How many billed windows back a late sample is still looked for: a year of months.
WINDOWS_BACK = 12
# In which order the prices of a line are billed.
_ORDER = {PriceKind.RECURRING: 0, PriceKind.SETUP: 1, PriceKind.METERED: 2}


def window_of(contract: Contract, end: datetime) -> Period | None:
    """Return the time that is not billed yet, see `windows_of`."""
    return windows_of([contract], end).get(contract.pk)


def windows_of(contracts: Sequence[Contract], end: datetime) -> dict[int, Period]:
    """Return the time that is not billed yet: from the last billed end to `end` or the contract's.

    Windows of one contract therefore touch and never overlap, also when a run was left out. A
    contract without any such time is absent.
    """
    name = "rated_line__run__contract"
    billed = BilledWindow.objects.filter(**{f"{name}__in": contracts}).values(name)
    ends = billed.order_by().annotate(until=Max("rated_line__run__ends_at"))
    until: dict[int, datetime] = dict(ends.values_list(name, "until"))
    found: dict[int, Period] = {}
    for one in contracts:
        start = max(one.starts_at, until.get(one.pk, one.starts_at))
        last = min(end, one.ends_at or end)
        if start < last:
            found[one.pk] = Period(start, last)
    return found


def services_of(
    windows: Mapping[int, Period], cut_off: datetime
) -> dict[int, list[tuple[Service, Period]]]:
    """Return what each line of some contracts was in the window of its contract, by its key.

    Each with the time to rate; without the base prices that `base` bills.
    """
    rows = ContractLine.objects.filter(contract__in=windows).prefetch_related("prices")
    lines = list(rows.order_by("contract_id", "position"))
    by_line = {line.pk: windows[line.contract_id] for line in lines}
    versions = [
        one for line in lines for one in versions_of(line, plain_prices(line), by_line[line.pk])
    ]
    found: dict[int, list[tuple[Service, Period]]] = {contract: [] for contract in windows}
    services = services_at(versions, by_line, cut_off)
    for version, service in zip(versions, services, strict=True):
        found[version.line.contract_id].append(service)
    return found


def plain_prices(line: ContractLine) -> list[LinePrice]:
    """Return the prices without base prices that are dated, or billed in advance."""
    prices = list(line.prices.all())
    base = [one for one in prices if one.kind == PriceKind.RECURRING]
    if any(one.starts_at or one.ends_at or one.in_advance for one in base):
        return [one for one in prices if one.kind != PriceKind.RECURRING]
    return prices


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
    versions: Sequence[Version],
    windows: Mapping[int, Period],
    cut_off: datetime,
    *,
    payer: int | None = None,
) -> list[tuple[Service, Period]]:
    """Return what the versions were, each with its part of the window of its line.

    As many statements for any number of lines, and some more for each further part of a line.

    Args:
        payer: to whom set-ups may have been billed; left out, to the buyer of each line.
    """
    existed = converged(windows)
    usage = _usage_of(versions, windows, cut_off, existed)
    set_up = BilledWindow.objects.filter(
        line__in=windows, kind=PriceKind.SETUP, organisation=payer or F("line__organisation")
    )
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
    windows: Mapping[int, Period],
    cut_off: datetime,
    existed: Mapping[int, Sequence[Period]],
) -> dict[tuple[int, Period], dict[str, Measured]]:
    """Return what each version used, per meter.

    A part so short that no sample ends in it used nothing, if the meter was read in the window.
    """
    parts: dict[tuple[int, Period], tuple[Tariff, ...]] = {}
    for one in versions:
        if one.is_metered:
            key = (one.line.pk, one.part)
            parts[key] = parts.get(key, ()) + one.tariffs
    found: dict[tuple[int, Period], dict[str, Measured]] = {}
    for asked in rounds(parts):
        tariffs = {line: parts[line, part] for line, part in asked.items()}
        for (line, meter), used in measured(tariffs, asked, cut_off, existed=existed).items():
            found.setdefault((line, asked[line]), {})[meter] = used
    short = {key: its for key, its in parts.items() if key[1] != windows[key[0]]}
    for key, meter, nothing in _silent(short, found, windows, cut_off):
        found.setdefault(key, {})[meter] = nothing
    return found


def rounds(wanted: Iterable[tuple[int, Period]]) -> list[dict[int, Period]]:
    """Return periods by line so that all are asked for, those of one line one after the other."""
    found: list[dict[int, Period]] = []
    for line, period in dict.fromkeys(wanted):
        free = next((one for one in found if line not in one), None)
        if free is None:
            found.append({line: period})
        else:
            free[line] = period
    return found


def _silent(
    parts: Mapping[tuple[int, Period], Sequence[Tariff]],
    found: Mapping[tuple[int, Period], Mapping[str, Measured]],
    windows: Mapping[int, Period],
    cut_off: datetime,
) -> list[tuple[tuple[int, Period], str, Measured]]:
    """Return what used nothing because no sample ends in its part: the meter was read before."""
    missing = [
        (key, tariff.meter)
        for key, its in parts.items()
        for tariff in its
        if tariff.kind == PriceKind.METERED and tariff.meter not in found.get(key, {})
    ]
    if not missing:
        return []
    asked = {line: windows[line] for (line, _), _ in missing}
    nothing = {
        (one.line, one.meter): Measured(Decimal(0), 0, one.first_at, one.last_at)
        for one in usage_source().usage(windows=asked, stored_before=cut_off)
    }
    return [
        (key, meter, nothing[key[0], meter]) for key, meter in missing if (key[0], meter) in nothing
    ]


def within(periods: Sequence[Period], part: Period) -> tuple[Period, ...]:
    """Return what of the periods lies in the part."""
    return tuple(common for period in periods if (common := period.overlap(part)))


def converged(windows: Mapping[int, Period]) -> dict[int, tuple[Period, ...]]:
    """Return when each line's service existed inside its window."""
    found = usage_source().converged(windows=windows)
    return {line: within(periods, windows[line]) for line, periods in found.items()}


def measured(
    tariffs: Mapping[int, Sequence[Tariff]],
    windows: Mapping[int, Period],
    cut_off: datetime,
    *,
    existed: Mapping[int, Sequence[Period]],
) -> dict[tuple[int, str], Measured]:
    """Return the quantity per line and meter of what was stored before the cut-off.

    Sums come from the source at once; a level needs the readings behind it.
    """
    found = usage_source().usage(windows=windows, stored_before=cut_off)
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
    return summed | _levels(levels, summed, windows, cut_off, existed=existed)


def _levels(
    wanted: Mapping[tuple[int, str], Aggregation],
    summed: Mapping[tuple[int, str], Measured],
    windows: Mapping[int, Period],
    cut_off: datetime,
    *,
    existed: Mapping[int, Sequence[Period]],
) -> dict[tuple[int, str], Measured]:
    if not wanted:
        return {}
    readings: dict[tuple[int, str], list[Reading]] = {key: [] for key in wanted}
    asked = {line: windows[line] for line, _ in wanted}
    meters = {meter for _, meter in wanted}
    for one in usage_source().readings(windows=asked, meters=meters, stored_before=cut_off):
        if (one.line, one.meter) in readings:
            readings[one.line, one.meter].append(
                Reading(one.quantity, one.starts_at, one.ends_at, one.subject)
            )
    return {
        (line, meter): replace(
            summed[line, meter],
            quantity=level(
                readings[line, meter], how, shares_of(existed.get(line, ()), windows[line])
            ),
        )
        for (line, meter), how in wanted.items()
    }


def billed_meters(
    contracts: Collection[int], cut_off: datetime, *, payer: int | None = None
) -> list[Billed]:
    """Return what was billed by meter in the last windows and got samples since, as corrected.

    Args:
        payer: to whom; left out, to the buyer of each line.
    """
    rated = RatedLine.objects.filter(
        line__contract__in=contracts,
        organisation=payer or F("line__organisation"),
        kind=PriceKind.METERED,
        corrects=None,
        billed__isnull=False,
    )
    back = Window(
        DenseRank(), partition_by="line__contract", order_by=F("ends_at").desc()
    )  # fmt: skip
    recent = rated.order_by().annotate(back=back).filter(back__lte=WINDOWS_BACK)
    columns = ("line_id", "starts_at", "ends_at", "run__cut_off_at")
    looked = {
        Looked(line, Period(start, end), cut_off_at)
        for line, start, end, cut_off_at in recent.values_list(*columns)
        if cut_off_at < cut_off
    }
    late = usage_source().came_late(looked=looked) if looked else ()
    return _corrected({(one.line, one.period.start) for one in late}, rated)


def _corrected(
    wanted: Collection[tuple[int, datetime]], rated: QuerySet[RatedLine]
) -> list[Billed]:
    """Return the charges of these lines and windows, the newest first, with their corrections."""
    if not wanted:
        return []
    lines, starts = {line for line, _ in wanted}, {start for _, start in wanted}
    rows = rated.filter(line__in=lines, starts_at__in=starts).order_by("-ends_at", "pk")
    charges: dict[tuple[int, str, datetime], list[RatedLine]] = {}
    for one in rows.select_related("line", "billed"):
        if (one.line_id, one.starts_at) in wanted:
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
        contract=original.line.contract_id,
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
