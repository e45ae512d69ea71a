"""Price one service over a window: facts in, charges out. Pure.

Source: docs/adr/0010-what-a-period-costs.md
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from billing.rating.tariffs import Billed, Charge, Measured, Service, Tariff
from erp.base.errors import DomainError
from erp.base.money import charge
from erp.base.periods import Period, month_of
from erp.catalogue.models import PriceKind
from erp.catalogue.terms import Model, Piece, included_in, pieces, resolved, whole


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


def shares_of(converged: Sequence[Period], window: Period) -> list[tuple[Period, Decimal]]:
    """Return each part of a month in the window, and which share of the month a service existed."""
    return [
        (part, seconds_in(converged, part) / month.seconds) for month, part in months_of(window)
    ]


def months_converged(service: Service, window: Period) -> Decimal:
    """Return for how many months the service existed: the sum of its share of each month."""
    return sum((share for _, share in shares_of(service.converged, window)), Decimal(0))


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
        quantity = resolved(service.quantity * existed / month.seconds)
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
    scale = service.quantity * share
    included = included_in(tariff.terms, scale)
    found = pieces(
        tariff.terms, measured.quantity, included=included, scale=scale, currency=currency
    )
    first = Charge(
        line=service.line,
        kind=tariff.kind,
        meter=tariff.meter,
        unit=unit_of("", tariff),
        description=f"{service.name}: {_words(tariff.meter)}",
        quantity=found[0].quantity,
        unit_price=found[0].unit_price,
        minor=found[0].minor(currency),
        window=window,
        used=measured.quantity,
        included=included,
        terms=whole(tariff.terms),
        evidence=_measured(measured) | {"months": str(resolved(share)), "scale": str(scale)},
    )
    return [first, *(_further(first, piece, tariff, currency) for piece in found[1:])]


def _further(first: Charge, piece: Piece, tariff: Tariff, currency: str) -> Charge:
    """Return another line of the same charge: the first one bears usage, terms and evidence."""
    return replace(
        first,
        part=piece.part,
        unit=unit_of(piece.part, tariff),
        description=f"{first.description}, {piece.part}",
        quantity=piece.quantity,
        unit_price=piece.unit_price,
        minor=piece.minor(currency),
        used=None,
        included=Decimal(0),
        terms={},
        evidence={},
    )


def unit_of(part: str, tariff: Tariff) -> str:
    """Return what the quantity of a part counts: the unit of the meter, packages, or months."""
    if part in ("minimum", "maximum"):
        return ""
    if part.endswith("flat") or tariff.terms.model == Model.FLAT:
        return "month"
    return "package" if tariff.terms.model == Model.PACKAGE else tariff.unit


def late(billed: Billed, measured: Measured | None, currency: str) -> list[Charge]:
    """Return the adjustments for samples that came after a window was billed, if any.

    Together with what was billed before they make exactly what would have been billed at once: a
    part that has another price now is taken back at the old one and billed at the new.
    """
    if measured is None or measured.quantity == billed.used:
        return []
    right = pieces(
        billed.tariff.terms,
        measured.quantity,
        included=billed.included,
        scale=billed.scale,
        currency=currency,
    )
    owed = {(one.part, one.unit_price): (one.quantity, one.minor(currency)) for one in right}
    first = _adjustment(billed, measured)
    found: list[Charge] = []
    for part, unit_price in dict.fromkeys([*owed, *billed.pieces]):
        quantity, minor = _difference(owed, billed.pieces, (part, unit_price))
        if quantity or minor:
            words = f"{first.description}, {part}" if part else first.description
            found.append(
                replace(
                    first,
                    part=part,
                    unit=unit_of(part, billed.tariff),
                    description=words,
                    quantity=quantity,
                    unit_price=unit_price,
                    minor=minor,
                )
            )
    # The usage is told once, and also when it moves no amount.
    found = found or [first]
    return [found[0], *(replace(one, used=None) for one in found[1:])]


def _adjustment(billed: Billed, measured: Measured) -> Charge:
    """Return the adjustment as far as all of its lines are the same; of nothing yet."""
    tariff = billed.tariff
    before = sum((quantity for quantity, _ in billed.pieces.values()), Decimal(0))
    return Charge(
        line=billed.line,
        kind=tariff.kind,
        meter=tariff.meter,
        unit=unit_of("", tariff),
        description=f"{billed.name}: late {_words(tariff.meter)}, corrects {billed.invoice_number}",
        quantity=Decimal(0),
        unit_price=tariff.unit_price,
        minor=0,
        window=billed.window,
        used=measured.quantity - billed.used,
        included=billed.included,
        corrects=billed.rated_line,
        evidence=_measured(measured) | {"billed_before": str(before)},
    )


def _difference(
    owed: Mapping[tuple[str, Decimal], tuple[Decimal, int]],
    billed: Mapping[tuple[str, Decimal], tuple[Decimal, int]],
    key: tuple[str, Decimal],
) -> tuple[Decimal, int]:
    nothing = (Decimal(0), 0)
    now, before = owed.get(key, nothing), billed.get(key, nothing)
    return now[0] - before[0], now[1] - before[1]


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
