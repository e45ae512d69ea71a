"""The answer to `erp.ports.SettlementSource`: what rating does not look at again."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime

from django.db.models import F, Q

from billing.rating.models import BilledWindow
from billing.rating.queries import WINDOWS_BACK
from erp.catalogue.models import PriceKind
from erp.contracts.models import Contract, ContractLine

# Nothing of the line is billed by usage, or nothing of it is billed any more.
ALL = datetime.max.replace(tzinfo=UTC)


class BilledUsage:
    """Reads billed windows: the last ones are still looked at for samples that came late."""

    def settled(self, *, lines: Collection[int]) -> Mapping[int, datetime]:
        """Return up to when each line's usage is billed and is not looked at again."""
        found: dict[int, datetime] = {}
        rows = ContractLine.objects.filter(pk__in=lines).select_related("contract")
        windows = _windows({row.contract_id for row in rows})
        resold = _resold({row.contract.seller_id for row in rows})
        for row in rows.prefetch_related("prices"):
            payers = {row.contract.seller_id} & resold
            if any(price.kind == PriceKind.METERED for price in row.prices.all()):
                payers.add(row.organisation_id)
            known = windows.get(row.contract_id, {})
            # What one of several payers is still billed for is not settled.
            ends = [_settled(row.contract, known.get(payer, [])) for payer in payers]
            until = [end for end in ends if end]
            if len(until) == len(payers):
                found[row.pk] = min(until, default=ALL)
        return found


def _resold(sellers: Collection[int]) -> set[int]:
    """Return which sellers pay their provider for what their customers use."""
    wholesale = Contract.objects.filter(organisation__in=sellers, is_wholesale=True)
    return set(wholesale.values_list("organisation_id", flat=True))


def _windows(
    contracts: Collection[int],
) -> dict[int, dict[int, list[tuple[datetime, datetime]]]]:
    """Return each contract's billed windows by who paid, the newest first.

    Of the buyer those of metered prices; of its reseller any but set-ups, because the provider may
    ask other kinds of prices.
    """
    is_resold = ~Q(organisation=F("line__contract__organisation")) & ~Q(kind=PriceKind.SETUP)
    billed = BilledWindow.objects.filter(
        Q(kind=PriceKind.METERED) | is_resold, line__contract__in=contracts, is_correction=False
    ).order_by("-ends_at", "-starts_at")
    found: dict[int, dict[int, list[tuple[datetime, datetime]]]] = {}
    columns = ("line__contract", "organisation", "starts_at", "ends_at")
    for contract, payer, start, end in billed.values_list(*columns).distinct():
        found.setdefault(contract, {}).setdefault(payer, []).append((start, end))
    return found


def _settled(contract: Contract, windows: Sequence[tuple[datetime, datetime]]) -> datetime | None:
    """Return when the oldest window begins that a correction may still name."""
    ends = sorted({end for _, end in windows}, reverse=True)
    if contract.ends_at and ends and ends[0] >= contract.ends_at:
        return ALL
    if len(ends) < WINDOWS_BACK:
        return None
    return min(start for start, end in windows if end >= ends[WINDOWS_BACK - 1])
