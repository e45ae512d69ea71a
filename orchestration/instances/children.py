"""Instance trees: what a release says that it needs is requested with it, and follows it."""

from collections.abc import Mapping
from typing import Any

from erp.base.errors import DomainError
from orchestration.instances.models import Instance
from orchestration.node_agent.fill import NAME, fill, with_defaults

DEEPEST = 5


class EndlessTree(DomainError):
    """A release needs itself, or too many others below each other."""

    code = "endless_tree"


def declared(parent: Instance) -> list[Mapping[str, Any]]:
    """Return the children that the parent's release says it needs."""
    found: list[Mapping[str, Any]] = kind_of(parent).get("children", [])
    return found


def kind_of(instance: Instance) -> Mapping[str, Any]:
    """Return what the release says of the instance's software type."""
    found: Mapping[str, Any] = instance.release.profile["types"].get(instance.software_type, {})
    return found


def takes_shared(instance: Instance) -> bool:
    """Return whether shared instances may stand on this one."""
    kinds = instance.release.profile["types"].values()
    return any(kind.get("shared_on") == instance.software_type for kind in kinds)


def parameters_for(child: Mapping[str, Any], parent: Instance) -> dict[str, Any]:
    """Return a child's parameters, the parent's filled in."""
    given = with_defaults(parent.parameters, kind_of(parent).get("parameters", {}))  # type: ignore[no-untyped-call]
    values = {f"parameters.{name}": value for name, value in given.items()}
    return {name: _filled(value, values) for name, value in child.get("parameters", {}).items()}


def check_depth(parent: Instance, product: str, software_type: str) -> None:
    """Refuse a child that is among its own parents, or too far down.

    Raises:
        EndlessTree: says who needs whom.
    """
    above, line = parent, [f"{product}/{software_type}"]
    while True:
        line.insert(0, f"{above.release.product}/{above.software_type}")
        if line[0] == line[-1] or len(line) > DEEPEST:
            told = " needs ".join(line)
            raise EndlessTree(f"This tree never ends: {told}. An operator must mend the releases.")
        if above.parent is None:
            return
        above = above.parent


def _filled(value: Any, values: Mapping[str, Any]) -> Any:
    """Fill every text in a value of JSON; one that is a name alone keeps its value's type."""
    if isinstance(value, dict):
        return {key: _filled(one, values) for key, one in value.items()}
    if isinstance(value, list):
        return [_filled(one, values) for one in value]
    if not isinstance(value, str):
        return value
    whole = NAME.fullmatch(value)
    if whole and whole.group(1) in values:
        return values[whole.group(1)]
    return str(fill(value, values))  # type: ignore[no-untyped-call]
