"""Rate contracts over their periods, many at once, and remember what was billed."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from django.db.models import Prefetch

from billing.rating import base, queries
from billing.rating.models import BilledWindow, RatedLine, RatingRun
from billing.rating.price import charges, late
from billing.rating.resold import resold_under
from billing.rating.tariffs import Billed, Charge, Measured, Tariff
from erp.base.errors import DomainError
from erp.base.inserts import insert
from erp.base.periods import Period
from erp.contracts.models import Contract

# More lines than this in one run is a fault in the data, not a bill.
MOST_LINES = 5000
T = TypeVar("T")


class TooManyLines(DomainError):
    """One run made more lines than anybody would read: look at the contract first."""

    code = "too_many_lines"


# What pricing made of a contract: its charges, or why nobody can tell.
Priced = list[Charge] | Exception


@dataclass(frozen=True, slots=True)
class Rated:
    """A rating run with its lines, which `keep` stores when it is new."""

    run: RatingRun
    lines: Sequence[RatedLine]


def price(contract: Contract, *, window: Period, cut_off: datetime) -> list[Charge]:
    """Return what the contract costs over the window, late samples of earlier ones included.

    Nothing is stored: the estimate of the cost so far asks the same function as the invoice.

    Raises:
        NotMeasured: a metered price without a single sample of a service that existed.
        TooManyLines: the sanity bound.
    """
    if contract.is_wholesale:
        return wholesale(contract, end=window.end, cut_off=cut_off).charges
    return _or_raise(price_all([contract], {contract.pk: window}, cut_off=cut_off)[contract.pk])


def price_all(
    contracts: Sequence[Contract], windows: Mapping[int, Period], *, cut_off: datetime
) -> dict[int, Priced]:
    """Price many contracts, each over its own window, with as many statements as for one.

    What is odd in one of them is its own answer, and stops no other.
    """
    services = queries.services_of(windows, cut_off)
    bases = base.charges_of(windows)
    late_ones = _late(contracts, cut_off)
    found: dict[int, Priced] = {}
    for contract in contracts:
        try:
            its = bases.get(contract.pk, []) + [
                one
                for service, part in services[contract.pk]
                for one in charges(service, part, contract.currency)
            ]
            its += _adjustments(late_ones.get(contract.pk, ()), contract.currency)
            if len(its) > MOST_LINES:
                raise TooManyLines
            found[contract.pk] = its
        except Exception as error:
            found[contract.pk] = error
    return found


@dataclass(frozen=True, slots=True)
class Wholesale:
    """What a reseller owes, and the contracts that could not be priced, each with the reason."""

    charges: list[Charge]
    left_out: dict[str, str]


def wholesale(contract: Contract, *, end: datetime, cut_off: datetime) -> Wholesale:
    """Price what a reseller's customers used, from the last wholesale bill of each to the end.

    The customers' contracts are priced by the functions that price them at retail; one that cannot
    be priced waits, and stops no other.
    """
    found = Wholesale([], {})
    for batch in resold_under(contract, end=end, cut_off=cut_off):
        sold = [one.contract for one in batch]
        late_ones = _late(sold, cut_off, payer=contract.organisation_id)
        for one in batch:
            try:
                its = one.charges(contract.currency)
                its += _adjustments(late_ones.get(one.contract.pk, ()), contract.currency)
                if len(its) > MOST_LINES:
                    raise TooManyLines
            except DomainError as error:
                found.left_out[one.contract.reference] = str(error)
            else:
                found.charges.extend(its)
    return found


Late = tuple[Billed, Measured | None]


def _late(
    contracts: Sequence[Contract], cut_off: datetime, *, payer: int | None = None
) -> dict[int, list[Late]]:
    """Return by contract what was billed and got samples since, with what is known of it now."""
    waiting = queries.billed_meters([one.pk for one in contracts], cut_off, payer=payer)
    found: dict[int, list[Late]] = {}
    known: dict[tuple[int, datetime], dict[str, Measured]] = {}
    for windows in queries.rounds((one.line, one.window) for one in waiting):
        tariffs: dict[int, list[Tariff]] = {}
        for billed in waiting:
            if windows.get(billed.line) == billed.window:
                tariffs.setdefault(billed.line, []).append(billed.tariff)
        existed = queries.converged(windows)
        now_known = queries.measured(tariffs, windows, cut_off, existed=existed)
        for (line, meter), one in now_known.items():
            known.setdefault((line, windows[line].start), {})[meter] = one
    for billed in waiting:
        measured = known.get((billed.line, billed.window.start), {}).get(billed.tariff.meter)
        found.setdefault(billed.contract, []).append((billed, measured))
    return found


def _adjustments(waiting: Sequence[Late], currency: str) -> list[Charge]:
    return [one for billed, measured in waiting for one in late(billed, measured, currency)]


def _or_raise(found: T | Exception) -> T:
    if isinstance(found, Exception):
        raise found
    return found


def rate_all(
    contracts: Sequence[Contract],
    windows: Mapping[int, Period],
    *,
    cut_off: datetime,
    at: datetime,
) -> dict[int, Rated | Exception]:
    """Price contracts over their windows, by their keys; `keep` stores what is new of it.

    The same contract, window and cut-off is the same run for ever, with the lines that it has.
    """
    found: dict[int, Rated | Exception] = dict(_known(windows, cut_off))
    new = [one for one in contracts if one.pk in windows and one.pk not in found]
    retail = [one for one in new if not one.is_wholesale]
    priced = price_all(retail, {one.pk: windows[one.pk] for one in retail}, cut_off=cut_off)
    left_out: dict[int, dict[str, str]] = {}
    for contract in new:
        if contract.is_wholesale:
            whole = wholesale(contract, end=windows[contract.pk].end, cut_off=cut_off)
            priced[contract.pk], left_out[contract.pk] = whole.charges, whole.left_out
    for contract in new:
        its = priced[contract.pk]
        if isinstance(its, Exception):
            found[contract.pk] = its
        else:
            run = _run(contract, windows[contract.pk], cut_off=cut_off, at=at)
            run.left_out = left_out.get(contract.pk, {})
            lines = [_line(run, position, one) for position, one in enumerate(its, 1)]
            found[contract.pk] = Rated(run, lines)
    return found


def _known(windows: Mapping[int, Period], cut_off: datetime) -> dict[int, Rated]:
    rows = RatingRun.objects.filter(contract__in=windows, cut_off_at=cut_off)
    with_lines = Prefetch("lines", RatedLine.objects.select_related("corrects__billed"))
    return {
        run.contract_id: Rated(run, list(run.lines.all()))
        for run in rows.select_related("contract").prefetch_related(with_lines)
        if run.period == windows[run.contract_id]
    }


def _run(contract: Contract, window: Period, *, cut_off: datetime, at: datetime) -> RatingRun:
    return RatingRun(
        organisation_id=contract.organisation_id,
        contract=contract,
        starts_at=window.start,
        ends_at=window.end,
        cut_off_at=cut_off,
        rated_at=at,
    )


def keep(rated: Collection[Rated]) -> None:
    """Store what is new of some rating runs, with their lines, in two statements."""
    new = [one for one in rated if one.run.pk is None]
    insert([one.run for one in new])
    insert([line for one in new for line in one.lines])


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


def mark_billed(lines: Iterable[tuple[RatedLine, str]]) -> None:
    """Remember by which invoice each rated line is billed; the database refuses a second."""
    insert(
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
        for line, invoice_number in lines
    )


def mark_reissued(run: RatingRun, *, invoice_number: str) -> None:
    """Name the invoice that bills the run's windows from now on: later corrections name it."""
    BilledWindow.objects.filter(rated_line__run=run).update(invoice_number=invoice_number)
