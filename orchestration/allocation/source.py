"""The answer to `erp.ports.PlacementSource`: which places there are, from the nodes in service."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from django.db.models import F, Func, Q, TextField, Value

from erp.base import scope
from erp.base.errors import DomainError
from erp.contracts.models import Contract
from erp.contracts.states import State as Contracted
from erp.customers.models import Organisation
from erp.ports import Choice
from orchestration.allocation.wishes import SCHEMA, check
from orchestration.instances.models import Instance
from orchestration.instances.states import State
from orchestration.nodes.models import ComputeNode
from orchestration.nodes.queries import VISITED

# A form shows no more; who has more names them through the API.
MOST_CHOICES = 50


class UnknownPlace(DomainError):
    """A wish names a place that there is not."""

    code = "unknown_place"
    status = 422


class KnownPlaces:
    """Knows the nodes in service, but for those that are kept for others."""

    def check(self, sla: Mapping[str, Any], *, buyer: int | None) -> None:
        """Refuse wishes that nobody could ever fulfil.

        Raises:
            UnknownFilter, BadFilter: see `wishes`.
            UnknownPlace: there is no such region, country, network, label, node or service.
        """
        check(sla)
        for name in sorted(set(sla) & set(_COLUMNS)):
            _check_known(name, sla[name], _known(_COLUMNS[name], buyer))
        named = {*sla.get("with", ()), *sla.get("not_with", ())}
        if named:
            _check_services(named, buyer)

    def wishes(self) -> Sequence[tuple[str, str]]:
        """Return every wish that there is: its name in the schema, and its title."""
        return [(name, rule["title"]) for name, rule in SCHEMA["properties"].items()]

    def choices(self, wishes: Collection[str], *, buyer: int) -> Sequence[Choice]:
        """Return what the buyer can choose now of these wishes, in the order of a form."""
        rules = {name: rule for name, rule in SCHEMA["properties"].items() if name in wishes}
        found = (_choice(name, rule, _values(name, buyer)) for name, rule in rules.items())
        return [choice for choice in found if choice]


# Which column of the nodes says what there is.
_COLUMNS = {
    "region": "region",
    "regions": "region",
    "countries": "country",
    "network": "network",
    "labels": "labels",
    "node": "name",
}


def _values(name: str, buyer: int) -> list[tuple[str, str]]:
    if name in _COLUMNS:
        return [(value, value) for value in _known(_COLUMNS[name], buyer)[:MOST_CHOICES]]
    return _services(buyer) if name in {"with", "not_with"} else []


def _choice(name: str, rule: Mapping[str, Any], values: list[tuple[str, str]]) -> Choice | None:
    """Return the wish as a form shows it, where there is anything to choose."""
    kind = {"boolean": "flag", "array": "many"}.get(rule["type"], "one")
    # One region is no choice; one label is: with it or without.
    least = 2 if name in {"region", "regions", "countries", "network", "node"} else 1
    if kind != "flag" and len(values) < least:
        return None
    return Choice(name, rule["title"], rule["description"], kind, values)


def _known(column: str, buyer: int | None) -> list[str]:
    """Return the values of a column of the nodes in service, sorted.

    Nodes are the provider's, where they stand is no secret; but what exists only for somebody
    else is not told.
    """
    with scope.everything("a buyer may know which places there are"):
        path = Organisation.objects.get(pk=buyer).path if buyer else ""
        asker = Value(path, output_field=TextField())
        is_theirs = Q(asker__startswith=F("dedicated_to__path"))
        nodes = ComputeNode.objects.filter(state__in=VISITED).alias(asker=asker)
        nodes = nodes.filter(is_theirs | Q(dedicated_to=None) if buyer else Q()).order_by()
        value: Any = Func(F(column), function="unnest") if column == "labels" else F(column)
        found = nodes.values_list(value, flat=True).distinct()
        return sorted(str(one) for one in found if one)


def _check_known(name: str, value: Any, known: Sequence[str]) -> None:
    asked = [value] if isinstance(value, str) else list(value)
    missing = [one for one in asked if one not in known and not _is_reference(name, one)]
    # Of several allowed places, one must exist; of several capabilities, all.
    is_enough = name in {"regions", "countries"} and len(missing) < len(asked)
    if missing and not is_enough:
        title = SCHEMA["properties"][name]["title"].lower()
        raise UnknownPlace(
            f"{title.capitalize()}: there is no {missing[0]}; "
            f"there are: {', '.join(known) or 'none'}.",
            known=list(known),
        )


def _is_reference(name: str, value: str) -> bool:
    """A node is named by its reference too."""
    if name != "node":
        return False
    with scope.everything("a buyer may name a node"):
        return ComputeNode.objects.filter(reference=value, state__in=VISITED).exists()


def _services(buyer: int) -> list[tuple[str, str]]:
    running = Contract.objects.filter(organisation=buyer).exclude(state=Contracted.ENDED)
    rows = running.order_by("-pk").values_list("reference", "name")[:MOST_CHOICES]
    return [(reference, f"{name} ({reference})") for reference, name in rows]


def _check_services(named: set[str], buyer: int | None) -> None:
    """Only the customer's own are known: a stranger's reference is as good as none."""
    mine = Contract.objects.filter(organisation=buyer).exclude(state=Contracted.ENDED)
    parts = Instance.objects.filter(organisation=buyer).exclude(state=State.WIPED)
    known = {
        *mine.filter(reference__in=named).values_list("reference", flat=True),
        *parts.filter(reference__in=named).values_list("reference", flat=True),
    }
    missing = sorted(named - known)
    if missing:
        services = [reference for reference, _ in _services(buyer)] if buyer else []
        raise UnknownPlace(
            f"There is no service {missing[0]} of this customer; "
            f"there are: {', '.join(services) or 'none'}.",
            known=services,
        )
