"""Register machines, and open, close, drain and retire them."""

import hashlib
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from erp.base.errors import DomainError
from erp.base.journal import record
from erp.base.lifecycle import IllegalMove, move
from erp.base.nudges import announce
from erp.base.secrets import reveal, seal
from erp.customers.models import Organisation
from orchestration.nodes.models import ComputeNode, EnrolmentStep, NodeCaller, NodeLease
from orchestration.nodes.states import Carrier, ClosedFor, State

# What the Master does itself, before and after what the machine does with the agent's bootstrap.
FIRST_STEPS = ("Reach the machine", "Check the host key", "Sign in", "Ship the agent")
MACHINE_STEPS = (
    "Check the system",
    "Create the agent's directories",
    "Create users and partitions",
    "Install the agent",
    "Install the node's own key",
    "Start the agent",
    "Take facts",
)
LAST_STEPS = ("Sign in with the node's own key", "Forget the one-time credential")
# What the Master does where the node calls: the machine does the same in between.
CALL_STEPS = ("Wait for the machine's call",)
REOPENED = (State.CLOSED, State.DRAINING)
STEPS = FIRST_STEPS + MACHINE_STEPS + LAST_STEPS


class NodeExists(DomainError):
    """A node with this name or this address is enrolled already."""

    code = "node_exists"


class NotEmpty(DomainError):
    """There are still instances on this node: drain it first."""

    code = "not_empty"


class BadCredential(DomainError):
    """Give either a password or a private key."""

    code = "bad_credential"
    status = 422


@dataclass(frozen=True, slots=True)
class Machine:
    """How a machine is reached and what is made of it.

    Args:
        host_key: the expected key, `ssh-ed25519 AAAA…`; empty: the first key seen is shown to the
            operator for confirmation.
        password, private_key: the one-time credential, one of them.
        service_address: where services are reached, of IPv4 or IPv6; the host when empty.
        service_address6: the same over IPv6, beside the other; empty for none.
    """

    name: str
    host: str
    port: int = 22
    ssh_user: str = "root"
    password: str = ""
    private_key: str = ""
    host_key: str = ""
    region: str = "main"
    service_address: str = ""
    service_address6: str = ""
    agent_home: str = "/srv/tenantry"
    authorized_keys_path: str = ""
    partition_count: int = 10
    port_first: int = 21000
    shares_customers: bool = False


@transaction.atomic
def register(owner: Organisation, machine: Machine, *, at: datetime, by: str) -> ComputeNode:
    """Write down a machine; a worker prepares it.

    Raises:
        BadCredential: no credential, or two.
        NodeExists: the name or the address is taken.
    """
    if bool(machine.password) == bool(machine.private_key):
        raise BadCredential
    node = _planned(owner, machine, at=at)
    _set_credential(node, password=machine.password, private_key=machine.private_key)
    _write(node, STEPS, at=at, by=by)
    announce("node.registered", node=node.pk)
    return node


@transaction.atomic
def register_caller(owner: Organisation, machine: Machine, *, at: datetime, by: str) -> ComputeNode:
    """Write down a machine that will call us; `callers.new_command` lets it in.

    Raises:
        NodeExists: the name is taken.
    """
    node = _planned(owner, machine, at=at)
    node.carrier = Carrier.HTTPS
    _write(node, CALL_STEPS + MACHINE_STEPS + LAST_STEPS, at=at, by=by)
    NodeCaller.objects.create(organisation=owner, node=node)
    return node


def _planned(owner: Organisation, machine: Machine, *, at: datetime) -> ComputeNode:
    return ComputeNode(
        organisation=owner,
        name=machine.name,
        host=machine.host,
        port=machine.port,
        ssh_user=machine.ssh_user,
        host_key=machine.host_key,
        region=machine.region,
        service_address=machine.service_address or machine.host or None,
        service_address6=machine.service_address6 or None,
        agent_home=machine.agent_home,
        authorized_keys_path=machine.authorized_keys_path,
        partition_count=machine.partition_count,
        port_first=machine.port_first,
        shares_customers=machine.shares_customers,
        state=State.ENROLLING,
        state_since=at,
        created_at=at,
    )


def _write(node: ComputeNode, steps: tuple[str, ...], *, at: datetime, by: str) -> None:
    try:
        with transaction.atomic():
            node.save()
    except IntegrityError as error:
        where = f" or at {node.host}:{node.port}" if node.host else ""
        raise NodeExists(f"A node named {node.name}{where} exists already.") from error
    NodeLease.objects.create(organisation_id=node.organisation_id, node=node)
    EnrolmentStep.objects.bulk_create(
        EnrolmentStep(organisation_id=node.organisation_id, node=node, position=position, name=name)
        for position, name in enumerate(steps, 1)
    )
    record(node, "registered", at=at, by=by)


def _set_credential(node: ComputeNode, *, password: str, private_key: str) -> None:
    node.credential_kind = "password" if password else "key"
    node.credential_sealed = seal(
        password or private_key, where=f"node:{node.reference}:credential"
    )


@dataclass(frozen=True, slots=True)
class Place:
    """Where a node is, what it can, and whom it is kept for."""

    name: str
    region: str
    country: str
    network: str
    labels: tuple[str, ...]
    dedicated_to: Organisation | None

    @classmethod
    def of(cls, node: ComputeNode) -> "Place":
        """Return what is written of a node."""
        return cls(
            node.name, node.region, node.country, node.network, tuple(node.labels),
            node.dedicated_to,
        )  # fmt: skip

    def words(self) -> dict[str, Any]:
        """Return it as the journal keeps it."""
        kept_for = self.dedicated_to.reference if self.dedicated_to else ""
        return asdict(replace(self, dedicated_to=None)) | {"dedicated_to": kept_for}


@transaction.atomic
def edit(node: ComputeNode, place: Place, *, at: datetime, by: str) -> None:
    """Write down where a node is; the same again changes nothing. What is on it stays.

    Raises:
        NodeExists: another node has this name.
    """
    node = ComputeNode.objects.select_for_update(of=("self",)).get(pk=node.pk)
    before = Place.of(node)
    if before == place:
        return
    try:
        with transaction.atomic():
            ComputeNode.objects.filter(pk=node.pk).update(
                name=place.name,
                region=place.region,
                country=place.country,
                network=place.network,
                labels=list(place.labels),
                dedicated_to=place.dedicated_to,
            )
    except IntegrityError as error:
        raise NodeExists(f"A node named {place.name} exists already.") from error
    record(node, "edited", at=at, by=by, before=before.words(), after=place.words())


@transaction.atomic
def try_again(
    node: ComputeNode, *, at: datetime, by: str, password: str = "", private_key: str = ""
) -> None:
    """Enrol once more, with another credential if one is given: resumes where it failed."""
    if node.state != State.ENROLLING:
        return
    if password or private_key:
        _set_credential(node, password=password, private_key=private_key)
        node.save(update_fields=["credential_kind", "credential_sealed"])
    EnrolmentStep.objects.filter(node=node, state="failed").update(state="waiting", message="")
    ComputeNode.objects.filter(pk=node.pk).update(next_attempt_at=None, last_error="")
    record(node, "enrol_again", at=at, by=by)
    announce("node.registered", node=node.pk)


@transaction.atomic
def confirm_host_key(node: ComputeNode, host_key: str, *, at: datetime, by: str) -> None:
    """Pin the key that the operator compared with the machine's."""
    ComputeNode.objects.filter(pk=node.pk).update(host_key=host_key)
    node.host_key = host_key
    record(node, "host_key_confirmed", at=at, by=by, fingerprint=fingerprint(host_key))
    try_again(node, at=at, by=by)


def fingerprint(host_key: str) -> str:
    """Return the SHA-256 fingerprint as OpenSSH shows it."""
    import base64

    parts = host_key.split()
    if len(parts) < 2:
        return ""
    digest = hashlib.sha256(base64.b64decode(parts[1])).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def credential_of(node: ComputeNode) -> str:
    """Return the one-time credential; only enrolment needs it."""
    return reveal(node.credential_sealed, where=f"node:{node.reference}:credential")


def private_key_of(node: ComputeNode) -> str:
    """Return the node's own private key."""
    return reveal(node.private_key_sealed, where=f"node:{node.reference}:key")


def sealed_private_key(node: ComputeNode, private_key: str) -> str:
    """Return the node's own private key as it is stored."""
    return seal(private_key, where=f"node:{node.reference}:key")


def next_key_of(node: ComputeNode) -> str:
    """Return the private key that the node is given next."""
    return reveal(node.next_key_sealed, where=f"node:{node.reference}:next_key")


def sealed_next_key(node: ComputeNode, private_key: str) -> str:
    """Return the next private key as it is stored."""
    return seal(private_key, where=f"node:{node.reference}:next_key")


def user_prefix(node: ComputeNode) -> str:
    """Return what the names of the partitions' Unix users begin with.

    Two agents on one machine (demo and tests) must not share users.
    """
    place = f"{node.host or node.reference}:{node.port}:{node.agent_home}"
    return "tn" + hashlib.sha256(place.encode()).hexdigest()[:5]


def close(
    node: ComputeNode, *, at: datetime, by: str, why: str, kind: ClosedFor = ClosedFor.HAND
) -> None:
    """Take no new instances; those that are there stay, and nothing opens it by itself."""
    move(node, State.CLOSED, at=at, by=by, why=why, also={"closed_for": kind})


def close_for_maintenance(node: ComputeNode, *, at: datetime, by: str, why: str) -> None:
    """Take no new instances while somebody works on the machine."""
    close(node, at=at, by=by, why=why, kind=ClosedFor.MAINTENANCE)


def reopen(node: ComputeNode, *, at: datetime, by: str, why: str = "") -> None:
    """Take new instances again.

    Raises:
        IllegalMove: it was not closed or draining: a machine is ready when it was prepared.
    """
    if node.state not in REOPENED:
        raise IllegalMove(
            f"{node.name} is {node.state}: only a closed or draining node is reopened."
        )
    move(node, State.READY, at=at, by=by, why=why, also={"closed_for": ""})


def drain(node: ComputeNode, *, at: datetime, by: str, why: str) -> None:
    """Take no new instances, and let the present ones go."""
    move(node, State.DRAINING, at=at, by=by, why=why, also={"closed_for": ""})


@transaction.atomic
def retire(node: ComputeNode, *, at: datetime, by: str, why: str) -> None:
    """Give a machine up.

    Raises:
        NotEmpty: a partition holds an instance.
    """
    node = ComputeNode.objects.select_for_update().get(pk=node.pk)
    held = node.partitions.filter(instance__isnull=False).count()
    if held:
        raise NotEmpty(f"There are {held} instances on {node.name}: drain it first.")
    kept = node.stored.exclude(state="gone").count()
    if kept:
        raise NotEmpty(f"{node.name} keeps {kept} backup repositories: have them left first.")
    move(node, State.RETIRED, at=at, by=by, why=why)
