"""Choose where an instance goes: candidates in, a ranking and the reasons for each refusal out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from erp.base.errors import DomainError

FILTERS = frozenset({"node", "region", "not_with"})


class UnknownFilter(DomainError):
    """The SLA names a filter that does not exist."""

    code = "unknown_filter"


@dataclass(frozen=True, slots=True)
class Candidate:
    """What counts of one node.

    Args:
        customers: keys of the organisations that have instances on it.
        instances: references of the instances on it.
    """

    pk: int
    reference: str
    name: str
    region: str
    state: str
    free_partitions: int
    free_memory_bytes: int | None
    is_privileged: bool
    shares_customers: bool
    customers: frozenset[int] = frozenset()
    instances: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Wish:
    """What an instance asks of its place."""

    organisation: int
    memory_bytes: int = 0
    sla: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ranking:
    """Nodes that fit, best first, and why each of the others does not."""

    fits: tuple[Candidate, ...]
    refused: tuple[tuple[str, str], ...]

    NOTHING: ClassVar[str] = "There is no compute node yet: an operator must enrol one."

    def reasons(self) -> list[str]:
        """Return one sentence per refused node."""
        sentences = [f"{name}: {reason}" for name, reason in self.refused]
        return sentences or ([] if self.fits else [self.NOTHING])


def choose(wish: Wish, candidates: Sequence[Candidate]) -> Ranking:
    """Rank the nodes: the emptiest first, so that load spreads; ties by reference.

    Raises:
        UnknownFilter: a filter that nobody knows would never be fulfilled, silently.
    """
    unknown = set(wish.sla) - FILTERS
    if unknown:
        known = ", ".join(sorted(FILTERS))
        raise UnknownFilter(f"Unknown SLA filter {sorted(unknown)[0]!r}; there are: {known}.")
    verdicts = [(candidate, _refusal(wish, candidate)) for candidate in candidates]
    fits = [candidate for candidate, reason in verdicts if not reason]
    fits.sort(key=lambda candidate: (-candidate.free_partitions, candidate.reference))
    refused = [(candidate.name, reason) for candidate, reason in verdicts if reason]
    return Ranking(fits=tuple(fits), refused=tuple(refused))


def _refusal(wish: Wish, candidate: Candidate) -> str:
    """Return why the node does not fit, or nothing."""
    sla = wish.sla
    if candidate.state != "ready":
        return f"it is {candidate.state}"
    if "node" in sla and sla["node"] not in {candidate.reference, candidate.name}:
        return f"the SLA asks for node {sla['node']}"
    if "region" in sla and sla["region"] != candidate.region:
        return f"the SLA asks for region {sla['region']}, it is in {candidate.region}"
    apart = candidate.instances & set(sla.get("not_with", ()))
    if apart:
        return f"the SLA keeps it away from {sorted(apart)[0]}"
    if not candidate.free_partitions:
        return "it has no free partition"
    if candidate.free_memory_bytes is not None and candidate.free_memory_bytes < wish.memory_bytes:
        return "it has not enough free memory"
    strangers = candidate.customers - {wish.organisation}
    if strangers and not (candidate.is_privileged or candidate.shares_customers):
        return "it runs all partitions as one user and serves another customer already"
    return ""
