"""Change a node's own SSH key, so that whoever is killed at any step leaves a node we can reach.

The new key stands beside the old one on the machine before it is used, is tried before the old one
is given up, and the old one leaves the machine last. The row says which step is next:

- `next_key_sealed` set: the next key is to be let in, tried, and taken;
- only `next_public_key` set: it names the former key, which is still let in on the machine.
"""

from datetime import datetime

from django.db import transaction

from erp.base.journal import record
from orchestration.convergence.carrier import BadAnswer, Session
from orchestration.convergence.ssh import Connection, Target, new_key
from orchestration.node_agent.bundle import version
from orchestration.nodes import services as nodes
from orchestration.nodes.models import ComputeNode
from orchestration.nodes.states import Carrier

BY = "rotation"
COMMAND = "session"


@transaction.atomic
def begin(node: ComputeNode, *, at: datetime, by: str) -> None:
    """Make the next key; the node's next pass goes on. While one is under way, nothing changes."""
    node = ComputeNode.objects.select_for_update(of=("self",)).get(pk=node.pk)
    if node.next_public_key or node.carrier != Carrier.SSH or not node.private_key_sealed:
        return
    private, public = new_key()
    ComputeNode.objects.filter(pk=node.pk).update(
        next_key_sealed=nodes.sealed_next_key(node, private),
        next_public_key=public,
        next_attempt_at=at,
    )
    record(node, "key_rotation_begun", at=at, by=by, key=nodes.fingerprint(public))


def is_due(node: ComputeNode) -> bool:
    """Return whether a step is to be made; agents of before know nothing of it."""
    return bool(node.next_public_key) and node.agent_version == version()


def advance(node: ComputeNode, session: Session, *, fence: int, at: datetime) -> None:
    """Make all steps that are left; each may be repeated.

    Raises:
        NodeUnreachable, SignInRefused, AgentRefused, BadAnswer: the next pass tries again.
    """
    if node.next_key_sealed:
        _let_in(node, session, [node.public_key, node.next_public_key], fence=fence)
        private = nodes.next_key_of(node)
        _try(node, private, fence=fence)
        _take(node, private, at=at)
    # On the session that is open: the machine keeps it although its key is let in no more.
    _let_in(node, session, [node.public_key], fence=fence)
    ComputeNode.objects.filter(pk=node.pk).update(next_public_key="")
    node.next_public_key = ""
    record(node, "key_rotated", at=at, by=BY, key=nodes.fingerprint(node.public_key))


def _let_in(node: ComputeNode, session: Session, keys: list[str], *, fence: int) -> None:
    question = {"op": "authorize", "fence": fence, "keys": keys, "path": node.authorized_keys_path}
    if session.ask(question)["op"] != "accepted":
        raise BadAnswer("The agent was given keys to let in and did not say that it has.")


def _try(node: ComputeNode, private: str, *, fence: int) -> None:
    """Sign in with the next key and hear the agent."""
    target = Target(
        host=node.host,
        port=node.port,
        user=node.ssh_user,
        host_key=node.host_key,
        private_key=private,
    )
    with Connection(target) as connection:
        acked = {"epoch": "", "seq": 0}
        asked = {"op": "poll", "fence": fence, "revision": "", "acked": acked}
        if connection.session(COMMAND).ask(asked)["op"] not in {"report", "same"}:
            raise BadAnswer("The agent does not answer on the new key.")


def _take(node: ComputeNode, private: str, *, at: datetime) -> None:
    """Make the next key the node's own; the former is named until it is let in no more."""
    changes = {
        "private_key_sealed": nodes.sealed_private_key(node, private),
        "public_key": node.next_public_key,
        "next_key_sealed": "",
        "next_public_key": node.public_key,
        "key_made_at": at,
    }
    ComputeNode.objects.filter(pk=node.pk, next_public_key=node.next_public_key).update(**changes)
    for name, value in changes.items():
        setattr(node, name, value)
