"""The answer to `erp.ports.PlacementSource`: which places there are, from the nodes in service."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import F, Q, TextField, Value

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
MOST_SERVICES = 50


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
        places = {name: value for name, value in sla.items() if name in _COLUMNS}
        if places:
            known = _known(_path(buyer))
            for name, value in places.items():
                _check_known(name, value, known[_COLUMNS[name]])
        named = {*sla.get("with", ()), *sla.get("not_with", ())}
        if named:
            _check_services(named, buyer)

    def choices(self, *, buyer: int) -> Sequence[Choice]:
        """Return what the buyer can choose now, in the order of a form."""
        known = _known(_path(buyer))
        services = _services(buyer)
        found = {
            name: [(value, value) for value in known[column]] for name, column in _COLUMNS.items()
        } | {"with": services, "not_with": services}
        return [
            choice
            for name, rule in SCHEMA["properties"].items()
            if (choice := _choice(name, rule, found.get(name, [])))
        ]


# What is known of each wish: a column of the nodes.
_COLUMNS = {
    "region": "region",
    "regions": "region",
    "countries": "country",
    "network": "network",
    "labels": "labels",
    "node": "name",
}


def _choice(name: str, rule: Mapping[str, Any], values: list[tuple[str, str]]) -> Choice | None:
    """Return the wish as a form shows it, where there is anything to choose."""
    kind = {"boolean": "flag", "array": "many"}.get(rule["type"], "one")
    # One region is no choice; one label is: with it or without.
    least = 2 if name in {"region", "regions", "countries", "network", "node"} else 1
    if kind != "flag" and len(values) < least:
        return None
    return Choice(name, rule["title"], rule["description"], kind, values)


def _path(buyer: int | None) -> str:
    return Organisation.objects.values_list("path", flat=True).get(pk=buyer) if buyer else ""


def _known(path: str) -> dict[str, list[str]]:
    """Return the values of every column, sorted; nodes are the provider's, their places no secret.

    Places that exist only for somebody else are not told.
    """
    with scope.everything("a buyer may know which places there are"):
        nodes = ComputeNode.objects.filter(state__in=VISITED).alias(
            asker=Value(path, output_field=TextField())
        )
        nodes = nodes.filter(Q(dedicated_to=None) | Q(asker__startswith=F("dedicated_to__path")))
        rows = nodes.order_by().values_list("region", "country", "network", "name", "reference")
        places = list(rows)
        labels = {label for found in nodes.values_list("labels", flat=True) for label in found}
    columns = zip(*places, strict=True) if places else ((),) * 5
    region, country, network, name, reference = (sorted(set(one) - {""}) for one in columns)
    found = {"region": region, "country": country, "network": network}
    return found | {"name": name, "reference": reference, "labels": sorted(labels)}


def _check_known(name: str, value: Any, known: Sequence[str]) -> None:
    asked = [value] if isinstance(value, str) else list(value)
    missing = [one for one in asked if one not in known]
    # Of several allowed places, one must exist; of several capabilities, all.
    is_enough = name in {"regions", "countries"} and len(missing) < len(asked)
    if missing and not is_enough:
        title = SCHEMA["properties"][name]["title"].lower()
        raise UnknownPlace(
            f"{title.capitalize()}: there is no {missing[0]}; "
            f"there are: {', '.join(known) or 'none'}.",
            known=list(known),
        )


def _services(buyer: int) -> list[tuple[str, str]]:
    running = Contract.objects.filter(organisation=buyer).exclude(state=Contracted.ENDED)
    rows = running.order_by("-pk").values_list("reference", "name")[:MOST_SERVICES]
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
