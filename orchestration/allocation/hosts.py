"""Choose on which instance a shared one stands: candidates in, a ranking with reasons out; pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from orchestration.allocation.choose import Candidate, Wish, refusals_of_place
from orchestration.allocation.wishes import check

# All entries of a host are in the document of its node.
MOST_ON_ONE_HOST = 1000
NOTHING = "Nothing runs here that it could stand on: the provider or the customer orders one first."
# What only a partition can have.
_OF_PARTITIONS = ("dedicated", "with", "not_with", "unique_by_network")


@dataclass(frozen=True, slots=True)
class Host:
    """What counts of one instance that takes shared ones.

    Args:
        organisation: key of whom it belongs to.
        node: where it stands.
        taken: how many stand on it.
    """

    pk: int
    reference: str
    organisation: int
    requested_state: str
    state: str
    node: Candidate
    taken: int


def choose_host(wish: Wish, hosts: Sequence[Host]) -> tuple[list[Host], list[str]]:
    """Return the hosts that take it, best first, and the reasons of the others.

    The customer's own comes first, then the emptiest; of equals the oldest.

    Raises:
        UnknownFilter, BadFilter: the SLA cannot be understood.
    """
    check(wish.sla)
    verdicts = [(host, "; ".join(_refusals(wish, host))) for host in hosts]
    fits = [host for host, reason in verdicts if not reason]
    fits.sort(key=lambda host: (host.organisation != wish.organisation, host.taken, host.pk))
    reasons = [f"{host.reference}: {reason}" for host, reason in verdicts if reason]
    return fits, reasons or ([] if fits else [NOTHING])


def _refusals(wish: Wish, host: Host) -> Iterator[str]:
    if host.requested_state != "started":
        yield f"it is to be {host.requested_state}"
    elif host.state != "started":
        yield f"it is {host.state}"
    yield from refusals_of_place(wish, host.node)
    for name in _OF_PARTITIONS:
        if wish.sla.get(name):
            yield f"the SLA asks for {name}, which what is shared cannot have"
    if host.taken >= MOST_ON_ONE_HOST:
        yield f"{MOST_ON_ONE_HOST} stand on it already"
