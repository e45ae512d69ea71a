"""Make contracts from orders, and move them: their state is the permission to run."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from erp.base.errors import DomainError
from erp.base.journal import record
from erp.base.lifecycle import move
from erp.base.nudges import announce
from erp.base.secret_parameters import shown
from erp.catalogue import backup
from erp.contracts import wholesale
from erp.contracts.budgets import check_budget
from erp.contracts.models import Contract, ContractLine, LinePrice
from erp.contracts.queries import committed_minor, first_month_minor
from erp.contracts.states import State
from erp.customers.models import Organisation
from erp.orders import services as orders
from erp.orders.models import Order
from erp.orders.parameters import as_stored
from erp.orders.states import State as Ordered
from erp.outbox.letters import address
from erp.outbox.services import emit


class NotInForce(DomainError):
    """The contract has ended: what it ran cannot be changed any more."""

    code = "not_in_force"


def order(buyer: Organisation, wish: orders.Wish, *, by: str, at: datetime) -> Order:
    """Place an order, and accept it at once when the buyer's credit limit allows it.

    An order above it stays placed until the seller decides. What was decided stays so: asking for
    it again costs one statement and no lock.

    Raises:
        OverBudget: it would go beyond the buyer's hard budget; nothing is stored.
    """
    earlier = orders.earlier_of(buyer, wish)
    if earlier and earlier.state != Ordered.PLACED:
        return earlier
    return _order(buyer, wish, by=by, at=at)


@transaction.atomic
def _order(buyer: Organisation, wish: orders.Wish, *, by: str, at: datetime) -> Order:
    """The row of the buyer is locked: two orders at once cannot both slip below the limit."""
    placed = orders.place(buyer, wish, by=by, at=at)
    if placed.state == Ordered.PLACED:
        check_budget(buyer, first_month_minor(placed), placed.currency, at=at)
    if placed.state == Ordered.PLACED and _within_limit(placed, at):
        _accept(placed, by="credit limit", at=at)
    return placed


@transaction.atomic
def quote(buyer: Organisation, wish: orders.Wish, *, by: str, at: datetime) -> tuple[Order, bool]:
    """Return the order that would be stored, and whether it would be accepted at once."""
    order = orders.quoted(buyer, wish, by=by, at=at)
    return order, _within_limit(order, at)


def _within_limit(placed: Order, at: datetime) -> bool:
    """Return whether the first month of the order fits: sure while the buyer's row is locked."""
    buyer = Organisation.objects.get(pk=placed.organisation_id)
    if buyer.credit_limit_minor is None:
        return wholesale.has_room(placed, at=at)
    committed = committed_minor(buyer, placed.currency, at=at)
    is_within = committed + first_month_minor(placed) <= buyer.credit_limit_minor
    return is_within and wholesale.has_room(placed, at=at)


@transaction.atomic
def accept(order: Order, *, by: str, at: datetime) -> Contract:
    """Turn a placed order into an active contract, at the prices of the order.

    Raises:
        IllegalMove, StaleState: it was decided before.
        ResellerAtLimit: its seller's own credit does not take it.
        OverBudget: the buyer's hard budget does not take it any more.
    """
    buyer = Organisation.objects.select_for_update(no_key=True).get(pk=order.organisation_id)
    check_budget(buyer, first_month_minor(order), order.currency, at=at)
    wholesale.check_room(order, at=at)
    return _accept(order, by=by, at=at)


def _accept(order: Order, *, by: str, at: datetime) -> Contract:
    move(order, Ordered.ACCEPTED, at=at, by=by)
    contract = Contract.objects.create(
        organisation_id=order.organisation_id,
        seller_id=order.seller_id,
        order=order,
        name=order.name,
        currency=order.currency,
        starts_at=at,
        state=State.ACTIVE,
        state_since=at,
    )
    _add_line(contract, order)
    record(contract, "active", at=at, by=by, why=f"order {order.reference}")
    tell(contract, State.ACTIVE, at=at)
    return contract


def _add_line(contract: Contract, order: Order) -> None:
    offer = order.plan.offer
    line = ContractLine.objects.create(
        organisation_id=contract.organisation_id,
        contract=contract,
        name=order.name,
        plan=order.plan,
        product=offer.product,
        software_type=offer.software_type,
        parameters=order.parameters,
        limits=order.plan.limits,
        sla=order.plan.sla | order.sla,
        service_level=order.plan.service_level,
        backup=order.plan.backup,
    )
    LinePrice.objects.bulk_create(
        LinePrice(
            organisation_id=contract.organisation_id, line=line, quantity=line.quantity, **price
        )
        for price in order.prices
    )


@transaction.atomic
def set_backup(line: ContractLine, policy: Mapping[str, Any], *, at: datetime, by: str) -> None:
    """Agree on another backup policy for a line; the same again changes nothing.

    Raises:
        BadBackup: the policy cannot be so.
    """
    backup.check(policy)
    line = ContractLine.objects.select_for_update(of=("self",)).get(pk=line.pk)
    if line.backup == dict(policy):
        return
    before, line.backup = line.backup, dict(policy)
    line.save(update_fields=["backup"])
    record(line.contract, "backup_agreed", at=at, by=by, before=before, after=line.backup)


def suspend(contract: Contract, *, at: datetime, by: str, why: str) -> None:
    """Stop the service without ending the agreement."""
    _move(contract, State.SUSPENDED, at=at, by=by, why=why)


def resume(contract: Contract, *, at: datetime, by: str, why: str = "") -> None:
    """Let a suspended contract run again."""
    _move(contract, State.ACTIVE, at=at, by=by, why=why)


def end(contract: Contract, *, at: datetime, by: str, why: str) -> None:
    """End the agreement: what runs is stopped now, and destroyed after the retention."""
    # A contract lasts a moment at least, whatever the clocks of two servers say.
    ends_at = max(at, contract.starts_at + timedelta(microseconds=1))
    also = {} if contract.ends_at and contract.ends_at <= ends_at else {"ends_at": ends_at}
    _move(contract, State.ENDED, at=at, by=by, why=why, also=also)


@transaction.atomic
def _move(
    contract: Contract,
    to: State,
    *,
    at: datetime,
    by: str,
    why: str,
    also: Mapping[str, Any] | None = None,
) -> None:
    move(contract, to, at=at, by=by, why=why, also=also)
    tell(contract, to, at=at)


def tell(contract: Contract, what: str, *, at: datetime) -> None:
    """Hurry what follows the contract, and tell the programs of its organisation."""
    announce("contract.changed", contract=contract.pk)
    data = {
        "service": contract.reference,
        "name": contract.name,
        "change": what,
        "state": contract.state,
        "organisation": contract.organisation.reference,
        "url": address(f"/services/{contract.reference}"),
    }
    key = f"{contract.reference}:{what}:{at.isoformat()}"
    emit(contract.organisation, "service.changed", data, key=key, at=at)


@transaction.atomic
def change_parameters(
    line: ContractLine, parameters: Mapping[str, Any], *, at: datetime, by: str
) -> None:
    """Change what the software is told; the same parameters again change nothing.

    A secret that is not given again stays what it was.

    Raises:
        NotInForce: the contract has ended.
        BadParameters: the release does not take them.
    """
    contract = Contract.objects.select_for_update().get(pk=line.contract_id)
    if contract.state == State.ENDED:
        raise NotInForce
    line = ContractLine.objects.select_for_update().get(pk=line.pk)
    before, after = line.parameters, parameters_after(line, parameters)
    if before == after:
        return
    ContractLine.objects.filter(pk=line.pk).update(parameters=after)
    record(contract, "changed", at=at, by=by, before=shown(before), after=shown(after))
    tell(contract, "parameters", at=at)


def parameters_after(line: ContractLine, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters as they would be stored; a secret that is not given again stays.

    Raises:
        BadParameters: the release does not take them.
    """
    return as_stored(line.product, line.software_type, parameters, before=line.parameters)
