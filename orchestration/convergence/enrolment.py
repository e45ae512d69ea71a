"""Prepare a machine over SSH: named steps, each safe to repeat, seen live on the node's page."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from erp.base.errors import DomainError
from erp.base.lifecycle import move
from orchestration.convergence import connections, lease
from orchestration.convergence.carrier import BadAnswer, Session
from orchestration.convergence.observed import facts_of, text_of
from orchestration.convergence.services import worker_name
from orchestration.convergence.ssh import (
    Connection,
    Target,
    new_key,
    public_part,
    read_host_key,
)
from orchestration.node_agent.bundle import bundle, version
from orchestration.nodes import services as nodes
from orchestration.nodes.models import ComputeNode, ComputePartition, EnrolmentStep
from orchestration.nodes.states import State

Clock = Callable[[], datetime]
BY = "enrolment"
PYTHON = "python3"
# Where the zip waits for its bootstrap on the machine; unique, and removed by the same command.
_SHIP = 'f=$(mktemp) && cat >"$f" && mv "$f" "$f.zip" && echo "$f.zip"'


class HostKeyUnknown(DomainError):
    """Nobody has said yet which host key this machine should show."""

    code = "host_key_unknown"


class MachineRefused(DomainError):
    """A step on the machine did not work."""

    code = "machine_refused"


def enrol(node_pk: int, *, clock: Clock) -> bool:
    """Run the steps from the first that is not done; False when another worker does it.

    A failing step keeps its message; the operator mends the cause and tries again.
    """
    node = ComputeNode.objects.filter(pk=node_pk, state=State.ENROLLING).first()
    fence = lease.claim(node_pk, owner=worker_name(), at=clock()) if node else None
    if node is None or fence is None:
        return False
    try:
        _enrol(node, clock)
    except DomainError as error:
        ComputeNode.objects.filter(pk=node.pk).update(last_error=str(error))
    finally:
        lease.release(node_pk, fence)
    return True


def _enrol(node: ComputeNode, clock: Clock) -> None:
    target = _reach(node, clock)
    with step(node, "Sign in", clock):
        connection = Connection(target)
    with connection:
        with step(node, "Ship the agent", clock):
            place = _ship(connection)
        facts = _bootstrap(node, connection, place, clock)
    with step(node, "Sign in with the node's own key", clock):
        greet(node, connections.session_of(node))
    with step(node, "Forget the one-time credential", clock):
        finish(node, facts, at=clock())


@contextmanager
def step(node: ComputeNode, name: str, clock: Clock) -> Iterator[None]:
    """Show a step while it runs, and what became of it."""
    row = EnrolmentStep.objects.filter(node=node, name=name)
    row.update(state="running", started_at=clock(), ended_at=None, message="")
    try:
        yield
    except DomainError as error:
        row.update(state="failed", ended_at=clock(), message=str(error))
        raise
    row.update(state="done", ended_at=clock())


def _reach(node: ComputeNode, clock: Clock) -> Target:
    """Return whom to sign in to; without a pinned key the shown one waits for confirmation."""
    with step(node, "Reach the machine", clock):
        shown = read_host_key(node.host, node.port) if not node.host_key else ""
    with step(node, "Check the host key", clock):
        if shown:
            raise HostKeyUnknown(
                f"The machine shows {shown.split()[0]} {nodes.fingerprint(shown)}. Compare it "
                "with the machine's own, then confirm it."
            )
        secret = nodes.credential_of(node)
        is_key = node.credential_kind == "key"
        return Target(
            host=node.host,
            port=node.port,
            user=node.ssh_user,
            host_key=node.host_key,
            password="" if is_key else secret,
            private_key=secret if is_key else "",
        )


def _ship(connection: Connection) -> str:
    lines = list(connection.run(_SHIP, given=bundle()))
    if len(lines) != 1 or not lines[0].startswith("/"):
        raise BadAnswer(f"The machine does not say where it put the agent: {lines[:3]!r:.200}")
    return lines[0]


def _bootstrap(
    node: ComputeNode, connection: Connection, place: str, clock: Clock
) -> dict[str, Any]:
    """Run the agent's own steps; return the machine's facts."""
    asked = json.dumps(_request(node, at=clock())).encode()
    path = connections.quoted(place)
    command = f"{PYTHON} {path} bootstrap; code=$?; rm -f {path}; exit $code"
    facts: dict[str, Any] = {}
    names = iter(nodes.MACHINE_STEPS)
    began = clock()
    show_running(node, next(names, ""), began)
    try:
        for line in connection.run(command, given=asked):
            facts |= take_line(node, _read(line), clock)
            show_running(node, next(names, ""), clock())
        if not facts:
            raise BadAnswer("The machine ended the preparation without its facts.")
    except DomainError as error:
        EnrolmentStep.objects.filter(node=node, state="running").update(
            state="failed", ended_at=clock(), message=str(error)
        )
        raise
    return facts


def _request(node: ComputeNode, *, at: datetime) -> dict[str, Any]:
    public = _own_public_key(node, at=at)
    return {
        "node": node.reference,
        "home": node.agent_home,
        "partitions": node.partition_count,
        "user_prefix": nodes.user_prefix(node),
        "version": version(),
        "public_key": public,
        "authorized_keys": node.authorized_keys_path,
        "forget_key": public_part(nodes.credential_of(node))
        if node.credential_kind == "key"
        else "",
    }


def _own_public_key(node: ComputeNode, *, at: datetime) -> str:
    """Return the public half of the node's own key; it is made once, however often we enrol."""
    if not node.private_key_sealed:
        private, public = new_key()
        node.private_key_sealed = nodes.sealed_private_key(node, private)
        node.public_key, node.key_made_at = public, at
        node.save(update_fields=["private_key_sealed", "public_key", "key_made_at"])
    return node.public_key


def show_running(node: ComputeNode, name: str, at: datetime) -> None:
    """Show that a step of the machine has begun."""
    row = EnrolmentStep.objects.filter(node=node, name=name, state__in=["waiting", "done"])
    row.update(state="running", started_at=at, ended_at=None, message="")


def _read(line: str) -> object:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadAnswer(f"The machine said something else than a step: {line[:200]!r}") from error


def take_line(node: ComputeNode, said: object, clock: Clock) -> dict[str, Any]:
    """Write down how a step on the machine ended; return the facts that came with it.

    Raises:
        BadAnswer: this is no step.
        MachineRefused: the step did not work.
    """
    try:
        assert isinstance(said, dict)
        name, is_ok, message = text_of(said["step"]), bool(said["ok"]), text_of(said["message"])
        facts = facts_of(said.get("facts") or {})
    except (AssertionError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadAnswer(f"The machine said something else than a step: {said!r:.200}") from error
    EnrolmentStep.objects.filter(node=node, name=name).update(
        state="done" if is_ok else "failed", ended_at=clock(), message=message[:4000]
    )
    if not is_ok:
        raise MachineRefused(f"{name}: {message[:1000]}")
    return facts


def greet(node: ComputeNode, session: Session) -> None:
    """Hear the agent answer to who it was signed in as."""
    fence = node.lease.fence
    answer = session.ask(
        {"op": "poll", "fence": fence, "revision": "", "acked": {"epoch": "", "seq": 0}}
    )
    if answer["op"] not in {"report", "same"}:
        raise BadAnswer("The agent does not answer a poll with a report.")


@transaction.atomic
def finish(node: ComputeNode, facts: dict[str, Any], *, at: datetime) -> None:
    """Write the partitions down, drop the credential, and take instances from now on."""
    assert node.service_address, "known from the start, or said by the machine with its request"
    for number in range(node.partition_count):
        ComputePartition.objects.get_or_create(
            node=node,
            name=f"p{number}",
            defaults={
                "organisation_id": node.organisation_id,
                "user": f"{nodes.user_prefix(node)}-p{number}",
                "address": node.service_address,
                "address6": node.service_address6,
                "port_first": node.port_first + number * node.ports_per_partition,
                "port_count": node.ports_per_partition,
            },
        )
    changes = {
        "credential_kind": "",
        "credential_sealed": "",
        "facts": facts,
        "is_privileged": bool(facts.get("privileged")),
        "agent_version": version(),
        "last_seen_at": at,
        "next_attempt_at": at + timedelta(seconds=1),
        "last_error": "",
    }
    move(node, State.READY, at=at, by=BY, why="enrolled", also=changes)
