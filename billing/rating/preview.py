"""What a change of plan or quantity costs: the engine of the invoice, over this month."""

from collections.abc import Sequence
from datetime import datetime

from billing.rating.price import charges
from billing.rating.queries import converged, versions_of, window_of, within
from billing.rating.tariffs import Charge, Service
from erp.base.periods import Period, merged, month_of
from erp.catalogue.models import PriceKind
from erp.contracts.changes import Outlook
from erp.contracts.models import ContractLine, LinePrice


def this_month(found: Outlook, *, at: datetime) -> list[Charge]:
    """Return the base price of the month after a change, as the next invoice will bill it.

    The service is taken to go on to the end of the month. What is billed already is left out.
    """
    return base_charges(found.line, found.repriced.prices, at=at)


def base_charges(line: ContractLine, prices: Sequence[LinePrice], *, at: datetime) -> list[Charge]:
    """Return what this month's base price comes to at these dated prices."""
    month = month_of(at)
    open_window = window_of(line.contract, month.end)
    window = open_window.overlap(month) if open_window else None
    if window is None:
        return []
    existed = _going_on(line, window, at)
    base = [price for price in prices if price.kind == PriceKind.RECURRING]
    found: list[Charge] = []
    for version in versions_of(line, base, window):
        service = Service(
            line=line.pk,
            name=line.name,
            quantity=version.quantity,
            tariffs=version.tariffs,
            converged=within(existed, version.part),
            usage={},
            setup_due=False,
        )
        found += charges(service, version.part, line.contract.currency)
    return found


def _going_on(line: ContractLine, window: Period, at: datetime) -> list[Period]:
    """Return when the service existed in the window, and will when nothing stops it."""
    past = window.overlap(Period(window.start, at)) if window.start < at else None
    existed = converged({line.pk: past}).get(line.pk, ()) if past else ()
    start = max(at, window.start)
    coming = [Period(start, window.end)] if start < window.end else []
    return merged([*existed, *coming])
