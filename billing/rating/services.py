"""Rate a contract over a period, and remember what was billed."""

from datetime import datetime

from django.db import transaction

from billing.rating import queries
from billing.rating.models import BilledWindow, RatedLine, RatingRun
from billing.rating.price import charges, late
from billing.rating.tariffs import Charge
from erp.base.errors import DomainError
from erp.base.periods import Period
from erp.contracts.models import Contract

# More lines than this in one run is a fault in the data, not a bill.
MOST_LINES = 1000


class TooManyLines(DomainError):
    """One run made more lines than anybody would read: look at the contract first."""

    code = "too_many_lines"


def price(contract: Contract, *, window: Period, cut_off: datetime) -> list[Charge]:
    """Return what the contract costs over the window, late samples of earlier ones included.

    Nothing is stored: the estimate of the cost so far asks the same function as the invoice.

    Raises:
        NotMeasured: a metered price without a single sample of a service that existed.
        TooManyLines: the sanity bound.
    """
    found: list[Charge] = []
    for service, part in queries.services_of(contract, window, cut_off):
        found += charges(service, part, contract.currency)
    found += _late(contract, cut_off)
    if len(found) > MOST_LINES:
        raise TooManyLines
    return found


def _late(contract: Contract, cut_off: datetime) -> list[Charge]:
    found: list[Charge] = []
    for billed in queries.billed_meters(contract):
        now_known = queries.measured(
            {billed.line: [billed.tariff]},
            billed.window,
            cut_off,
            existed=queries.converged([billed.line], billed.window),
        )
        found += late(billed, now_known.get((billed.line, billed.tariff.meter)), contract.currency)
    return found


@transaction.atomic
def rate(contract: Contract, *, period: Period, cut_off: datetime, at: datetime) -> RatingRun:
    """Price the contract and keep the lines with their evidence; the same run again is that run.

    Raises:
        NotMeasured, TooManyLines: see `price`; nothing is stored.
    """
    run, is_new = RatingRun.objects.get_or_create(
        contract=contract,
        starts_at=period.start,
        ends_at=period.end,
        cut_off_at=cut_off,
        defaults={"organisation_id": contract.organisation_id, "rated_at": at},
    )
    if is_new:
        found = price(contract, window=period, cut_off=cut_off)
        RatedLine.objects.bulk_create(
            _line(run, position, one) for position, one in enumerate(found, 1)
        )
    return run


def _line(run: RatingRun, position: int, charge: Charge) -> RatedLine:
    return RatedLine(
        organisation_id=run.organisation_id,
        run=run,
        position=position,
        line_id=charge.line,
        kind=charge.kind,
        meter=charge.meter,
        part=charge.part,
        terms=dict(charge.terms),
        unit=charge.unit,
        description=charge.description,
        quantity=charge.quantity,
        unit_price=charge.unit_price,
        minor=charge.minor,
        used_quantity=charge.used,
        included_quantity=charge.included,
        starts_at=charge.window.start,
        ends_at=charge.window.end,
        corrects_id=charge.corrects,
        evidence=dict(charge.evidence),
    )


def mark_billed(run: RatingRun, *, invoice_number: str) -> None:
    """Remember that the run's windows are billed by this invoice; the database refuses a second."""
    BilledWindow.objects.bulk_create(
        BilledWindow(
            organisation_id=line.organisation_id,
            rated_line=line,
            line_id=line.line_id,
            kind=line.kind,
            meter=line.meter,
            part=line.part,
            starts_at=line.starts_at,
            ends_at=line.ends_at,
            is_correction=line.corrects_id is not None,
            invoice_number=invoice_number,
        )
        for line in run.lines.all()
    )


def mark_reissued(run: RatingRun, *, invoice_number: str) -> None:
    """Name the invoice that bills the run's windows from now on: later corrections name it."""
    BilledWindow.objects.filter(rated_line__run=run).update(invoice_number=invoice_number)
