"""The answer to `erp.ports.SettlementSource`: what rating does not look at again."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime

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
        for row in rows.prefetch_related("prices"):
            is_metered = any(price.kind == PriceKind.METERED for price in row.prices.all())
            known = windows.get(row.contract_id, [])
            until = _settled(row.contract, known) if is_metered else ALL
            if until:
                found[row.pk] = until
        return found


def _windows(contracts: Collection[int]) -> dict[int, list[tuple[datetime, datetime]]]:
    """Return each contract's billed windows of metered prices, the newest first."""
    billed = BilledWindow.objects.filter(
        line__contract__in=contracts, kind=PriceKind.METERED, is_correction=False
    ).order_by("-ends_at", "-starts_at")
    found: dict[int, list[tuple[datetime, datetime]]] = {}
    columns = ("line__contract", "starts_at", "ends_at")
    for contract, start, end in billed.values_list(*columns).distinct():
        found.setdefault(contract, []).append((start, end))
    return found


def _settled(contract: Contract, windows: Sequence[tuple[datetime, datetime]]) -> datetime | None:
    """Return when the oldest window begins that a correction may still name."""
    ends = sorted({end for _, end in windows}, reverse=True)
    if contract.ends_at and ends and ends[0] >= contract.ends_at:
        return ALL
    if len(ends) < WINDOWS_BACK:
        return None
    return min(start for start, end in windows if end >= ends[WINDOWS_BACK - 1])
