"""Price one service over a window: facts in, charges out. Pure.

Source: docs/adr/0010-what-a-period-costs.md
"""

from collections.abc import Iterator, Sequence
from decimal import ROUND_HALF_UP, Decimal

from billing.rating.tariffs import Billed, Charge, Measured, Service, Tariff
from erp.base.errors import DomainError
from erp.base.money import charge
from erp.base.periods import Period, month_of
from erp.catalogue.models import PriceKind

# Quantities are printed, and priced as printed: 10^-9 of a month is 3 milliseconds.
RESOLUTION = Decimal("0.000000001")


class NotMeasured(DomainError):
    """A service existed, and not one sample of a meter that it is billed by has arrived."""

    code = "not_measured"


def charges(service: Service, window: Period, currency: str) -> list[Charge]:
    """Return what one service costs over the window, each line rounded once.

    Raises:
        NotMeasured: no samples is not the same as zero: nothing is billed on a guess.
    """
    found: list[Charge] = []
    for tariff in service.tariffs:
        if tariff.kind == PriceKind.SETUP:
            found += _setup(service, tariff, currency)
        elif tariff.kind == PriceKind.RECURRING:
            found += _recurring(service, tariff, window, currency)
        else:
            found += _metered(service, tariff, window, currency)
    return found


def months_of(period: Period) -> Iterator[tuple[Period, Period]]:
    """Return each calendar month (UTC) that the period touches, with the part that it covers."""
    month = month_of(period.start)
    while month.start < period.end:
        part = month.overlap(period)
        assert part is not None, "months cover all of the period"
        yield month, part
        month = month_of(month.end)


def seconds_in(periods: Sequence[Period], part: Period) -> Decimal:
    """Return how many seconds of the part the periods cover; they do not overlap each other."""
    common = (period.overlap(part) for period in periods)
    return sum((one.seconds for one in common if one), Decimal(0))


def months_converged(service: Service, window: Period) -> Decimal:
    """Return for how many months the service existed: the sum of its share of each month."""
    return sum(
        (seconds_in(service.converged, part) / month.seconds for month, part in months_of(window)),
        Decimal(0),
    )


def _setup(service: Service, tariff: Tariff, currency: str) -> list[Charge]:
    """Return the set-up once, dated by the first moment in which the service existed."""
    if not (service.setup_due and service.converged):
        return []
    return [
        Charge(
            line=service.line,
            kind=tariff.kind,
            meter="",
            unit="",
            description=f"{service.name}: set-up",
            quantity=service.quantity,
            unit_price=tariff.unit_price,
            minor=_minor(tariff, service.quantity, currency),
            window=service.converged[0],
            evidence={"converged_at": service.converged[0].start.isoformat()},
        )
    ]


def _recurring(service: Service, tariff: Tariff, window: Period, currency: str) -> Iterator[Charge]:
    """Return one line per calendar month: the part of it in which the service existed."""
    for month, part in months_of(window):
        existed = seconds_in(service.converged, part)
        if not existed:
            continue
        quantity = _resolved(service.quantity * existed / month.seconds)
        yield Charge(
            line=service.line,
            kind=tariff.kind,
            meter="",
            unit="month",
            description=f"{service.name}: base price, {month.start:%B %Y}",
            quantity=quantity,
            unit_price=tariff.unit_price,
            minor=_minor(tariff, quantity, currency),
            window=part,
            evidence={
                "existed_seconds": str(existed),
                "month_seconds": str(month.seconds),
                "converged": _written(service.converged, part),
            },
        )


def _metered(service: Service, tariff: Tariff, window: Period, currency: str) -> list[Charge]:
    """Return what was used beyond the included quantity, which is prorated like the base price."""
    measured = service.usage.get(tariff.meter)
    if measured is None:
        if service.converged:
            raise NotMeasured(f"{service.name}: no sample of {tariff.meter} in {window}.")
        return []
    share = months_converged(service, window)
    included = _resolved(tariff.included_quantity * service.quantity * share)
    quantity = _beyond(measured.quantity, included)
    return [
        Charge(
            line=service.line,
            kind=tariff.kind,
            meter=tariff.meter,
            unit=tariff.unit,
            description=f"{service.name}: {_words(tariff.meter)}",
            quantity=quantity,
            unit_price=tariff.unit_price,
            minor=_minor(tariff, quantity, currency),
            window=window,
            used=measured.quantity,
            included=included,
            evidence=_measured(measured) | {"months": str(_resolved(share))},
        )
    ]


def late(billed: Billed, measured: Measured | None, currency: str) -> Charge | None:
    """Return the adjustment for samples that came after a window was billed, if any.

    Together with what was billed before it makes exactly what would have been billed at once.
    """
    if measured is None or measured.quantity == billed.used:
        return None
    tariff = billed.tariff
    right = _beyond(measured.quantity, billed.included)
    return Charge(
        line=billed.line,
        kind=tariff.kind,
        meter=tariff.meter,
        unit=tariff.unit,
        description=f"{billed.name}: late {_words(tariff.meter)}, corrects {billed.invoice_number}",
        quantity=right - billed.quantity,
        unit_price=tariff.unit_price,
        minor=_minor(tariff, right, currency) - billed.minor,
        window=billed.window,
        used=measured.quantity - billed.used,
        included=billed.included,
        corrects=billed.rated_line,
        evidence=_measured(measured) | {"billed_before": str(billed.quantity)},
    )


def _resolved(quantity: Decimal) -> Decimal:
    return quantity.quantize(RESOLUTION, ROUND_HALF_UP)


def _beyond(used: Decimal, included: Decimal) -> Decimal:
    return _resolved(max(used - included, Decimal(0)))


def _minor(tariff: Tariff, quantity: Decimal, currency: str) -> int:
    return charge(unit_price=tariff.unit_price, quantity=quantity, currency=currency).minor


def _words(meter: str) -> str:
    return meter.replace("_", " ").replace("cpu", "CPU").replace("gib hours", "GiB-hours")


def _measured(measured: Measured) -> dict[str, str | int]:
    return {
        "used": str(measured.quantity),
        "samples": measured.samples,
        "first_at": measured.first_at.isoformat(),
        "last_at": measured.last_at.isoformat(),
    }


def _written(periods: Sequence[Period], part: Period) -> list[list[str]]:
    common = [one for period in periods if (one := period.overlap(part))]
    return [[one.start.isoformat(), one.end.isoformat()] for one in common]
