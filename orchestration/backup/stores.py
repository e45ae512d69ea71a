"""Choose the node that keeps an instance's backups: far enough away, and allowed to."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from erp.base.journal import record
from erp.contracts.models import ContractLine
from orchestration.backup import queries
from orchestration.backup.policy import Policy
from orchestration.instances.models import Instance
from orchestration.nodes.models import ComputeNode

_FAR = {"region": "region", "network": "network"}


@dataclass(frozen=True, slots=True)
class Choice:
    """The node that keeps it, or why none can."""

    node: ComputeNode | None
    why: str = ""


def choose(line: ContractLine, policy: Policy, instances: Sequence[Instance]) -> Choice:
    """Return the fitting store that keeps least."""
    reasons = []
    fits = []
    for store in queries.stores():
        reason = _against(store.node, line, policy, instances)
        if reason:
            reasons.append(f"{store.node.name}: {reason}")
        else:
            fits.append(store)
    if fits:
        return Choice(min(fits, key=lambda one: (one.stored_bytes, one.node.pk)).node)
    said = "; ".join(reasons[:20]) or "no node keeps backups: one that has root and SSH could"
    return Choice(None, f"No node can keep these backups. {said}.")


def _against(
    node: ComputeNode, line: ContractLine, policy: Policy, instances: Sequence[Instance]
) -> str:
    """Return what stands against a store, or nothing."""
    there = [instance.node for instance in instances if instance.node]
    if any(one.pk == node.pk for one in there):
        return "it runs what is to be saved"
    column = _FAR.get(policy.where)
    if column:
        mine = getattr(node, column)
        if not mine or any(getattr(one, column) == mine for one in there):
            return f"it is not in another {column}"
    if "countries" in line.sla and node.country not in line.sla["countries"]:
        return f"the data may not go to {node.country or 'a country that nobody named'}"
    if "regions" in line.sla and node.region not in line.sla["regions"]:
        return f"the data may not go to the region {node.region}"
    dedicated = node.dedicated_to
    if dedicated and not line.organisation.path.startswith(dedicated.path):
        return "it is kept for another customer"
    return ""


def set_keeps(node: ComputeNode, *, keeps: bool, at: datetime, by: str) -> None:
    """Let a node keep new repositories, or none: those that it has stay."""
    if ComputeNode.objects.filter(pk=node.pk, keeps_backups=not keeps).update(keeps_backups=keeps):
        record(node, "keeps_backups" if keeps else "keeps_no_backups", at=at, by=by)
