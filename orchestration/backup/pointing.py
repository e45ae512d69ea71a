"""Point what named the old place of a service at its new one: sites of front ends, above all."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from erp.base.errors import DomainError
from erp.base.journal import record
from erp.contracts import services as contracts
from erp.contracts.models import ContractLine
from erp.contracts.states import State
from orchestration.backup.models import Relocation
from orchestration.nodes.models import ComputePartition

BY = "backup"
MOST = 500


def follow(row: Relocation, *, at: datetime) -> int:
    """Change the parameters of the customer's services that name the place which was left.

    One that cannot be changed is told in the history of what moved, and stops no other.
    """
    if row.source is None or row.target is None or row.source_id == row.target_id:
        return 0
    moved = 0
    mine = ContractLine.objects.filter(organisation=row.organisation_id)
    lines = mine.filter(contract__state__in=[State.ACTIVE, State.SUSPENDED]).order_by("pk")
    for line in lines.select_related("contract")[:MOST]:
        after = renamed(line.parameters, row.source, row.target)
        if after == line.parameters:
            continue
        try:
            contracts.change_parameters(line, after, at=at, by=BY)
            moved += 1
        except DomainError as refusal:
            said = f"{line.name} still names the old place: {refusal}"
            record(row, "not_followed", at=at, by=BY, why=said[:1000])
    return moved


def renamed(
    parameters: Mapping[str, Any], source: ComputePartition, target: ComputePartition
) -> dict[str, Any]:
    """Return the parameters with addresses and ports of one partition as those of another."""
    return {
        name: _renamed(value, source, target) if isinstance(value, str) else value
        for name, value in parameters.items()
    }


def _renamed(text: str, source: ComputePartition, target: ComputePartition) -> str:
    for before, after in _addresses(source, target):
        pattern = re.compile(rf"(?<![\w.:\]])({re.escape(before)}):(\d{{1,5}})(?!\d)")

        def moved(found: "re.Match[str]", after: str = after) -> str:
            offset = int(found.group(2)) - source.port_first
            if not 0 <= offset < min(source.port_count, target.port_count):
                return found.group(0)
            return f"{after}:{target.port_first + offset}"

        text = pattern.sub(moved, text)
    return text


def _addresses(source: ComputePartition, target: ComputePartition) -> list[tuple[str, str]]:
    pairs = [(source.address, target.address)]
    if source.address6 and target.address6:
        pairs.append((source.address6, target.address6))
    return [(_written(before), _written(after)) for before, after in pairs]


def _written(address: str) -> str:
    """Return an address as URLs write it."""
    return f"[{address}]" if ":" in address else address
