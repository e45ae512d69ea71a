"""The scenes of the story: each calls the services that the pages call, and waits for workers."""

import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings

from config.demo.story import StepFailed, wait_for
from config.demo.traffic import fetch, load, put_and_get
from config.embedded import node as local
from config.embedded.places import places
from erp.base.doors import now
from erp.base.identifiers import reference
from erp.catalogue.models import Plan
from erp.contracts.models import Contract
from erp.contracts.services import order
from erp.contracts.states import State as Agreed
from erp.customers.models import Organisation
from erp.orders.services import Wish
from orchestration.instances.models import Instance
from orchestration.instances.services import connection_of
from orchestration.instances.states import State as Found
from orchestration.metering.models import Sample
from orchestration.nodes.models import ComputeNode
from orchestration.nodes.services import Machine, register
from orchestration.nodes.states import State as Node

BY = "demo"
NODE = "local"
ENROL_SECONDS = 180
PROVISION_SECONDS = 240
ANSWER_SECONDS = 60
SAMPLE_SECONDS = 90
LOAD_SECONDS = 3


@dataclass(frozen=True, slots=True)
class Running:
    """A service that answers."""

    contract: Contract
    instance: Instance
    offer: str
    url: str
    user: str
    password: str
    seconds: float


def enrol_local_node(provider: Organisation) -> ComputeNode:
    """Enrol the local SSH node as an operator would; wait until it is ready."""
    node = ComputeNode.objects.filter(name=NODE).exclude(state=Node.RETIRED).first()
    if node is None or node.state == Node.ENROLLING:
        node = _register(provider, node)

    def ready() -> ComputeNode | None:
        found = ComputeNode.objects.get(pk=node.pk)
        failed = found.steps.filter(state="failed").first()
        if failed:
            raise StepFailed(f"{failed.name}: {failed.message}")
        return found if found.state == Node.READY else None

    return wait_for("the enrolment", ready, seconds=ENROL_SECONDS)


def _register(provider: Organisation, unfinished: ComputeNode | None) -> ComputeNode:
    made = local.one_time_credential(places(Path(os.environ["TENANTRY_NODE_DIR"]).parent))
    if unfinished is not None:
        from orchestration.nodes.services import try_again

        try_again(unfinished, at=now(), by=BY, private_key=made.private_key)
        return unfinished
    machine = Machine(
        name=NODE,
        host=made.host,
        port=made.port,
        ssh_user=made.user,
        private_key=made.private_key,
        host_key=made.host_key,
        service_address="127.0.0.1",
        agent_home=made.agent_home,
        authorized_keys_path=made.authorized_keys,
        partition_count=10,
        port_first=21000 + (made.port - 20000) % 200 * 100,
    )
    return register(provider, machine, at=now(), by=BY)


def place_order(customer: Organisation, product: str, name: str, **parameters: Any) -> Contract:
    """Order one service for the customer, or find it from the day before.

    The credit limit accepts it at once.
    """
    known = Contract.objects.filter(organisation=customer, name=name, state=Agreed.ACTIVE).first()
    if known:
        return known
    plan = Plan.objects.get(offer__product=product, code="small")
    wish = Wish(key=reference("D"), name=name, plan=plan, parameters=parameters)
    placed = order(customer, wish, by=BY, at=now())
    contract = Contract.objects.filter(order=placed).first()
    if contract is None:
        raise StepFailed(f"order {placed.reference} is {placed.state}: {placed.state_reason}")
    return contract


def wait_until_it_answers(contract: Contract) -> Running:
    """Wait until the promises pass, and the published address answers over HTTP."""

    def started() -> Instance | None:
        found = Instance.objects.filter(line__contract=contract, parent=None).first()
        if found and found.state == Found.FAILED:
            raise StepFailed(f"{found.state_reason}\n{found.log_tail[-1500:]}")
        return found if found and found.state == Found.STARTED else None

    instance = wait_for("the first answer", started, seconds=PROVISION_SECONDS)
    facts = connection_of(instance)
    running = Running(
        contract=contract,
        instance=instance,
        offer=contract.lines.get().plan.offer.product,
        url=facts["url"],
        user=facts.get("user", ""),
        password=facts.get("password", ""),
        seconds=_first_answer(instance, contract),
    )
    wait_for(f"an answer of {running.url}", lambda: _status(running), seconds=ANSWER_SECONDS)
    check(running)
    return running


def _status(running: Running) -> int | None:
    """Return 200 when the service answers so: after a night, its node has to start it first."""
    status, _ = fetch(running.url, user=running.user, password=running.password)
    return status if status == 200 else None


def _first_answer(instance: Instance, contract: Contract) -> float:
    """Return how long it took from the order to the first passing promises."""
    assert instance.first_started_at is not None, "it has started"
    return round((instance.first_started_at - contract.starts_at).total_seconds(), 1)


def check(running: Running) -> int:
    """Ask the service as a customer would; return the HTTP status."""
    status, content = fetch(running.url, user=running.user, password=running.password)
    if status != 200:
        raise StepFailed(f"{running.url} answered {status}")
    if running.offer == "webdav":
        put_and_get(running.url, user=running.user, password=running.password)
    else:
        title = running.contract.lines.get().parameters["title"]
        if title not in content.decode():
            raise StepFailed(f"{running.url} does not show the title that was ordered")
    return status


def use(running: Running) -> int:
    """Put load on a service; return the number of requests."""
    return load(running.url, seconds=LOAD_SECONDS, user=running.user, password=running.password)


def wait_for_samples(running: list[Running], *, since: datetime) -> int:
    """Wait until every service was measured since then, with CPU; return the count of all."""

    def measured() -> int | None:
        for one in running:
            found = Sample.objects.filter(instance=one.instance.pk, ends_at__gt=since)
            meters = set(found.values_list("meter", flat=True))
            busy = found.filter(meter="cpu_seconds", quantity__gt=0).exists()
            if len(meters) < 3 or not busy:
                return None
        return Sample.objects.filter(instance__in=[one.instance.pk for one in running]).count()

    return wait_for("the samples", measured, seconds=SAMPLE_SECONDS)


def portal(path: str) -> str:
    """Return the address of a page of the running portal."""
    return settings.PORTAL + path
