"""Gather the facts that pricing needs."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from django.db.models import Max

from billing.rating.models import BilledWindow, RatedLine
from billing.rating.tariffs import Billed, Measured, Service, Tariff
from erp.base.periods import Period
from erp.catalogue.models import PriceKind
from erp.contracts.models import Contract, ContractLine
from erp.ports import usage_source

# How many billed windows back a late sample is still looked for: a year of months.
WINDOWS_BACK = 12


def window_of(contract: Contract, end: datetime) -> Period | None:
    """Return the time that is not billed yet: from the last billed end to `end` or the contract's.

    Windows of one contract therefore touch and never overlap, also when a run was left out.
    """
    billed = BilledWindow.objects.filter(line__contract=contract)
    until = billed.aggregate(until=Max("rated_line__run__ends_at"))["until"]
    start = max(contract.starts_at, until or contract.starts_at)
    end = min(end, contract.ends_at or end)
    return Period(start, end) if start < end else None


def services_of(contract: Contract, window: Period, cut_off: datetime) -> list[Service]:
    """Return what each line of the contract was in the window."""
    lines = list(contract.lines.prefetch_related("prices").order_by("position"))
    keys = [line.pk for line in lines]
    existed = usage_source().converged(lines=keys, period=window)
    usage = measured(keys, window, cut_off)
    set_up = BilledWindow.objects.filter(line__in=keys, kind=PriceKind.SETUP)
    done = set(set_up.values_list("line_id", flat=True))
    return [
        Service(
            line=line.pk,
            name=line.name,
            quantity=line.quantity,
            tariffs=_tariffs(line),
            converged=_inside(existed.get(line.pk, ()), window),
            usage={meter: one for (pk, meter), one in usage.items() if pk == line.pk},
            setup_due=line.pk not in done,
        )
        for line in lines
    ]


def measured(
    lines: Sequence[int], window: Period, cut_off: datetime
) -> dict[tuple[int, str], Measured]:
    """Return the usage per line and meter of what was stored before the cut-off."""
    found = usage_source().usage(lines=lines, period=window, stored_before=cut_off)
    return {
        (one.line, one.meter): Measured(one.quantity, one.samples, one.first_at, one.last_at)
        for one in found
    }


def billed_meters(contract: Contract) -> list[Billed]:
    """Return what was billed by meter in the last windows, with the corrections so far."""
    rated = (
        RatedLine.objects.filter(
            line__contract=contract, kind=PriceKind.METERED, corrects=None, billed__isnull=False
        )
        .select_related("line", "billed")
        .order_by("-ends_at", "pk")
    )
    ends = sorted(set(rated.values_list("ends_at", flat=True)))[-WINDOWS_BACK:]
    return [_billed(one) for one in rated.filter(ends_at__in=ends)]


def _billed(original: RatedLine) -> Billed:
    corrections = list(original.corrections.filter(billed__isnull=False))
    everything = [original, *corrections]
    return Billed(
        rated_line=original.pk,
        line=original.line_id,
        name=original.line.name,
        tariff=Tariff(original.kind, original.meter, original.unit, original.unit_price),
        window=original.window,
        used=sum((one.used_quantity or Decimal(0) for one in everything), Decimal(0)),
        included=original.included_quantity,
        quantity=sum((one.quantity for one in everything), Decimal(0)),
        minor=sum(one.minor for one in everything),
        invoice_number=original.billed.invoice_number,
    )


def _tariffs(line: ContractLine) -> tuple[Tariff, ...]:
    order = {PriceKind.RECURRING: 0, PriceKind.SETUP: 1, PriceKind.METERED: 2}
    prices = sorted(
        line.prices.all(), key=lambda price: (order[PriceKind(price.kind)], price.meter)
    )
    return tuple(
        Tariff(price.kind, price.meter, price.unit, price.unit_price, price.included_quantity)
        for price in prices
    )


def _inside(periods: Sequence[Period], window: Period) -> tuple[Period, ...]:
    return tuple(common for period in periods if (common := period.overlap(window)))
