"""What a change of plan or quantity costs: the engine of the invoice, over this month."""

from collections.abc import Sequence
from datetime import datetime

from billing.rating.base import base_of, billed_of
from billing.rating.queries import converged, window_of
from billing.rating.tariffs import Charge
from erp.base.periods import Period, add_months, merged, month_of
from erp.contracts.changes import Outlook
from erp.contracts.models import ContractLine, LinePrice


def this_month(found: Outlook, *, at: datetime) -> list[Charge]:
    """Return the base price of the month after a change, as the next invoice will bill it.

    The service is taken to go on to the end of the month. What is billed already is left out.
    """
    return base_charges(found.line, found.repriced.prices, at=at)


def base_charges(line: ContractLine, prices: Sequence[LinePrice], *, at: datetime) -> list[Charge]:
    """Return what this month's base price comes to at these dated prices.

    Of what is billed already, only what changes.
    """
    month = month_of(at)
    window = window_of(line.contract, month.end) or month
    billed = billed_of([line.pk], add_months(month.start, -1, anchor=1))
    base = base_of(line, prices, _going_on(line, month.end, at), billed)
    found = base.charges(window.overlap(month) or month)
    return [one for one in found if one.window.start < month.end]


def _going_on(line: ContractLine, end: datetime, at: datetime) -> list[Period]:
    """Return when the service existed, and will when nothing stops it."""
    begun = line.contract.starts_at
    past = Period(begun, at) if begun < at else None
    existed = converged({line.pk: past}).get(line.pk, ()) if past else ()
    return merged([*existed, *([Period(max(at, begun), end)] if max(at, begun) < end else [])])
