"""Choose where an instance goes: candidates in, a ranking and the reasons for each refusal out."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from orchestration.allocation.wishes import FILTERS, BadFilter, UnknownFilter, check

__all__ = ["FILTERS", "BadFilter", "Candidate", "Ranking", "UnknownFilter", "Wish", "choose"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """What counts of one node for one wish.

    Args:
        closed_for: why a closed node is closed; one that was full is looked at again.
        free_memory_bytes, free_disk_bytes: what limits of those placed there leave; None: unknown.
        dedicated_to: path of the organisation that it is kept for.
        customers: keys of the organisations that have instances on it.
        neighbours: references of the same customer's instances on it, and of their contracts.
        like_in_network: an instance of the same customer and product in its network.
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
    free_disk_bytes: int | None = None
    state_reason: str = ""
    closed_for: str = ""
    country: str = ""
    network: str = ""
    labels: frozenset[str] = frozenset()
    dedicated_to: str = ""
    customers: frozenset[int] = frozenset()
    neighbours: frozenset[str] = frozenset()
    like_in_network: str = ""


@dataclass(frozen=True, slots=True)
class Wish:
    """What an instance asks of its place.

    Args:
        path: of its organisation in the tree: who may use nodes that are dedicated.
        product: what runs, for one per network.
    """

    organisation: int
    path: str = ""
    product: str = ""
    memory_bytes: int = 0
    disk_bytes: int = 0
    sla: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ranking:
    """Nodes that fit, best first, and why each of the others does not."""

    fits: tuple[Candidate, ...]
    refused: tuple[tuple[Candidate, str], ...]

    NOTHING: ClassVar[str] = "There is no compute node yet: an operator must enrol one."
    MOST_SENTENCES: ClassVar[int] = 20

    def reasons(self) -> list[str]:
        """Return one sentence per refused node; of many nodes, one per reason with their number."""
        sentences = [f"{node.name}: {reason}" for node, reason in self.refused]
        if len(sentences) > self.MOST_SENTENCES:
            sentences = self._grouped()
        return sentences or ([] if self.fits else [self.NOTHING])

    def _grouped(self) -> list[str]:
        names: dict[str, list[str]] = defaultdict(list)
        for node, reason in self.refused:
            names[reason].append(node.name)
        often = sorted(names.items(), key=lambda pair: (-len(pair[1]), pair[0]))
        sentences = [
            f"{found[0]}: {reason}"
            if len(found) == 1
            else f"{len(found)} nodes (such as {found[0]}): {reason}"
            for reason, found in often[: self.MOST_SENTENCES]
        ]
        rest = sum(len(found) for _, found in often[self.MOST_SENTENCES :])
        return sentences + ([f"{rest} more nodes, for other reasons"] if rest else [])


def choose(wish: Wish, candidates: Sequence[Candidate]) -> Ranking:
    """Rank the nodes: the emptiest first, so that load spreads; of equals the oldest.

    Raises:
        UnknownFilter, BadFilter: what cannot be understood would never be fulfilled, silently.
    """
    check(wish.sla)
    verdicts = [(candidate, "; ".join(_refusals(wish, candidate))) for candidate in candidates]
    fits = [candidate for candidate, reason in verdicts if not reason]
    fits.sort(key=lambda candidate: (-candidate.free_partitions, candidate.pk))
    refused = [(candidate, reason) for candidate, reason in verdicts if reason]
    return Ranking(fits=tuple(fits), refused=tuple(refused))


def _refusals(wish: Wish, candidate: Candidate) -> Iterator[str]:
    """Yield each reason against the node, the one that weighs most first."""
    for judge in _JUDGES:
        yield from judge(wish, candidate)


def refusals_of_place(wish: Wish, candidate: Candidate) -> Iterator[str]:
    """Yield the reasons against where a node stands and what it can, whoever else is on it."""
    yield from _where(wish, candidate)
    yield from _able(wish, candidate)


def _open(wish: Wish, candidate: Candidate) -> Iterator[str]:
    is_full_only = (candidate.state, candidate.closed_for) == ("closed", "capacity")
    if candidate.state != "ready" and not is_full_only:
        why = f" ({candidate.state_reason})" if candidate.state_reason else ""
        yield f"it is {candidate.state}{why}"


def _where(wish: Wish, candidate: Candidate) -> Iterator[str]:
    sla = wish.sla
    if "node" in sla and sla["node"] not in {candidate.reference, candidate.name}:
        yield f"the SLA asks for node {sla['node']}"
    if "region" in sla and sla["region"] != candidate.region:
        yield f"the SLA asks for region {sla['region']}, it is in {candidate.region}"
    if "regions" in sla and candidate.region not in sla["regions"]:
        allowed = ", ".join(sla["regions"])
        yield f"the contract keeps it in the regions {allowed}, it is in {candidate.region}"
    if "countries" in sla and candidate.country not in sla["countries"]:
        allowed = ", ".join(sla["countries"])
        place = f"it is in {candidate.country}" if candidate.country else "nobody said where it is"
        yield f"the contract keeps its data in {allowed}, {place}"
    if "network" in sla and sla["network"] != candidate.network:
        place = f"it is in {candidate.network}" if candidate.network else "it is in none"
        yield f"the SLA asks for network {sla['network']}, {place}"


def _able(wish: Wish, candidate: Candidate) -> Iterator[str]:
    missing = sorted(set(wish.sla.get("labels", ())) - candidate.labels)
    if missing:
        yield f"the SLA asks for {', '.join(missing)}, which it has not"


def _kept_for(wish: Wish, candidate: Candidate) -> Iterator[str]:
    if candidate.dedicated_to and not wish.path.startswith(candidate.dedicated_to):
        yield "it is dedicated to another organisation"
    if wish.sla.get("dedicated") and not candidate.dedicated_to:
        yield "the SLA asks for a dedicated node, it is for everybody"


def _company(wish: Wish, candidate: Candidate) -> Iterator[str]:
    away = [one for one in wish.sla.get("with", ()) if one not in candidate.neighbours]
    if away:
        yield f"the SLA asks for the node of {away[0]}, which is not on it"
    apart = [one for one in wish.sla.get("not_with", ()) if one in candidate.neighbours]
    if apart:
        yield f"the SLA keeps it away from {apart[0]}"
    if wish.sla.get("unique_by_network"):
        if not candidate.network:
            yield "the SLA asks for a network of its own, and it is in none"
        elif candidate.like_in_network:
            like, network = candidate.like_in_network, candidate.network
            yield f"the SLA asks for one per network, and {like} is in {network} already"


def _room(wish: Wish, candidate: Candidate) -> Iterator[str]:
    if candidate.free_partitions <= 0:
        yield "it has no free partition"
    if wish.memory_bytes and _is_less(candidate.free_memory_bytes, wish.memory_bytes):
        yield "it has not enough free memory"
    if wish.disk_bytes and _is_less(candidate.free_disk_bytes, wish.disk_bytes):
        yield "it has not enough free disk"


def _is_less(free: int | None, wanted: int) -> bool:
    return free is not None and free < wanted


def _strangers(wish: Wish, candidate: Candidate) -> Iterator[str]:
    strangers = candidate.customers - {wish.organisation}
    if strangers and not (candidate.is_privileged or candidate.shares_customers):
        yield "it runs all partitions as one user and serves another customer already"


_JUDGES: tuple[Callable[[Wish, Candidate], Iterator[str]], ...] = (
    _open,
    _where,
    _able,
    _kept_for,
    _company,
    _room,
    _strangers,
)
