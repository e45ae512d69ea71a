"""Ask for instances: set-and-get, level-triggered from the contract's state."""

import json
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from erp.base.errors import DomainError
from erp.base.journal import record
from erp.base.lifecycle import move
from erp.base.nudges import announce
from erp.base.secrets import reveal, seal
from erp.contracts.models import Contract, ContractLine
from erp.contracts.states import State as Contracted
from orchestration.instances.children import (
    check_depth,
    declared,
    kind_of,
    parameters_for,
)
from orchestration.instances.models import Instance
from orchestration.instances.queries import published, with_release
from orchestration.instances.states import Requested, State
from orchestration.releases.models import SoftwareRelease
from orchestration.releases.queries import newest_release

BY = "orchestration"


class WrongProduct(DomainError):
    """A release of another product cannot take its place."""

    code = "wrong_product"


def requested_state_of(contract: Contract, *, at: datetime) -> Requested | None:
    """Return what the contract permits: None means that nothing needs to exist yet.

    An ended contract keeps the data, stopped, for the retention that it names.
    """
    if contract.state == Contracted.ACTIVE and contract.starts_at <= at:
        return Requested.STARTED
    if contract.state == Contracted.SUSPENDED:
        return Requested.STOPPED
    if contract.state == Contracted.ENDED:
        kept_until = contract.state_since + timedelta(days=contract.retention_days)
        return Requested.STOPPED if at < kept_until else Requested.DESTROYED
    return None


@transaction.atomic
def follow_contract(contract: Contract, *, at: datetime) -> None:
    """Make every line's instance ask for what the contract says; repeating it changes nothing."""
    wanted = requested_state_of(contract, at=at)
    if wanted is None:
        return
    for line in contract.lines.select_for_update().exclude(product="").order_by("pk"):
        instance = Instance.objects.filter(line=line, parent=None).first()
        if instance:
            request_change(
                instance, state=wanted, parameters=line.parameters, limits=line.limits, at=at
            )
        elif wanted == Requested.STARTED:
            _create(line, at=at)


def _create(line: ContractLine, *, at: datetime) -> None:
    release, software_type = newest_release(line.product), line.software_type
    instance = Instance(line=line, release=release, software_type=software_type)
    instance.parameters = line.parameters
    _request(instance, at=at, why=f"contract {line.contract.reference}")


def _create_child(parent: Instance, child: Mapping[str, Any], *, at: datetime) -> None:
    """Request what the parent needs.

    Raises:
        UnknownProduct: no release of it is published.
        EndlessTree: it is among its own parents.
    """
    release, software_type = newest_release(child["product"]), child.get("type", "default")
    check_depth(parent, release.product, software_type)
    instance = Instance(line=parent.line, release=release, software_type=software_type)
    instance.parent, instance.name = parent, child["name"]
    instance.parameters = parameters_for(child, parent)
    _request(instance, at=at, why=f"{parent.reference} needs it")


def _request(instance: Instance, *, at: datetime, why: str) -> None:
    """Store a new request, and what it needs itself; a place is found for it next."""
    line = instance.line
    instance.organisation_id = line.organisation_id
    instance.limits, instance.sla = line.limits, line.sla
    instance.is_shared = "shared_on" in kind_of(instance)
    instance.requested_state, instance.state = Requested.STARTED, State.WAITING
    instance.state_since = instance.created_at = at
    made = {"password": secrets.token_urlsafe(18)}
    instance.secrets_sealed = seal(json.dumps(made), where=_place(instance, "secrets"))
    instance.save()
    record(instance, "requested", at=at, by=BY, why=why)
    announce("instance.requested", instance=instance.pk)
    _follow_children(instance, at=at)


def _follow_children(parent: Instance, *, at: datetime) -> None:
    """Make the children ask for what their parent needs, and those that it needs no more go."""
    there = {child.name: child for child in with_release().filter(parent=parent)}
    for child in declared(parent):
        known = there.pop(child["name"], None)
        if known:
            parameters = parameters_for(child, parent)
            state = Requested(parent.requested_state)
            request_change(known, state=state, parameters=parameters, limits=parent.limits, at=at)
        elif parent.requested_state == Requested.STARTED:
            _create_child(parent, child, at=at)
    for child_row in there.values():
        state, parameters = Requested.DESTROYED, child_row.parameters
        request_change(
            child_row, state=state, parameters=parameters, limits=child_row.limits, at=at
        )


@transaction.atomic
def request_change(
    instance: Instance,
    *,
    state: Requested,
    parameters: Mapping[str, Any],
    limits: Mapping[str, Any],
    at: datetime,
) -> None:
    """Change what is requested; every change raises the generation, none changes nothing.

    What was to be destroyed stays so: data that a node may have wiped already cannot be asked
    back.
    """
    instance = with_release().select_for_update(of=("self",)).get(pk=instance.pk)
    wanted = {"requested_state": state, "parameters": parameters, "limits": limits}
    changes = {name: value for name, value in wanted.items() if getattr(instance, name) != value}
    if not changes or instance.requested_state == Requested.DESTROYED:
        return
    for name, value in changes.items():
        setattr(instance, name, value)
    instance.generation += 1
    instance.save(update_fields=[*changes, "generation"])
    why = ", ".join(sorted(changes))
    record(instance, "changed", at=at, by=BY, why=why, generation=instance.generation)
    if instance.state == State.WAITING and state == Requested.DESTROYED:
        move(instance, State.WIPED, at=at, by=BY, why="never placed", also={"wiped_at": at})
    if instance.node_id:
        announce("instance.changed", node=instance.node_id)
    _follow_children(instance, at=at)


@transaction.atomic
def change_release(
    instance: Instance, release: SoftwareRelease, *, at: datetime, by: str, why: str
) -> int:
    """Have an instance run another release of its product; return the generation that does.

    The same release again changes nothing, nor does anything on what is to be destroyed.

    Raises:
        WrongProduct: it is another product.
    """
    instance = with_release().select_for_update(of=("self",)).get(pk=instance.pk)
    if release.product != instance.release.product:
        raise WrongProduct
    is_over = instance.requested_state == Requested.DESTROYED
    if instance.release_id == release.pk or is_over:
        return instance.generation
    was = str(instance.release)
    instance.release, instance.generation = release, instance.generation + 1
    instance.save(update_fields=["release", "generation"])
    facts = {"generation": instance.generation, "was": was, "is": str(release)}
    record(instance, "upgraded", at=at, by=by, why=why, **facts)
    if instance.node_id:
        announce("instance.changed", node=instance.node_id)
    _follow_children(instance, at=at)
    return instance.generation


@transaction.atomic
def take_inputs(parent_pk: int, *, at: datetime) -> None:
    """Give an instance what its children publish now, as a new generation; repeating is harmless.

    The children are read and not locked: what one publishes meanwhile is found by the next sweep.
    """
    parent = Instance.objects.select_for_update().get(pk=parent_pk)
    made = published(parent.children.all())
    if made == parent.inputs or parent.requested_state != Requested.STARTED:
        return
    parent.inputs, parent.generation = made, parent.generation + 1
    parent.save(update_fields=["inputs", "generation"])
    why = "what its children publish"
    record(parent, "changed", at=at, by=BY, why=why, generation=parent.generation)
    if parent.node_id:
        announce("instance.changed", node=parent.node_id)


def secrets_of(instance: Instance) -> dict[str, str]:
    """Return the secrets that the node gets for this instance."""
    return dict(json.loads(reveal(instance.secrets_sealed, where=_place(instance, "secrets"))))


def connection_of(instance: Instance) -> dict[str, str]:
    """Return what the instance publishes: URL, user, password; empty until it did."""
    if not instance.connection_sealed:
        return {}
    place = _place(instance, "connection")
    return dict(json.loads(reveal(instance.connection_sealed, where=place)))


def sealed_connection(instance: Instance, connection: Mapping[str, str]) -> str:
    """Return connection parameters as they are stored."""
    return seal(json.dumps(dict(connection), sort_keys=True), where=_place(instance, "connection"))


def _place(instance: Instance, column: str) -> str:
    return f"instance:{instance.reference}:{column}"
