"""One open session per node in this worker process."""

import shlex

from orchestration.convergence.ssh import Connection, Session, Target
from orchestration.nodes.models import ComputeNode
from orchestration.nodes.services import private_key_of

# What is asked for is ignored: the node's key may run the agent's session and nothing else.
COMMAND = "session"

_open: dict[int, tuple[str, Connection, Session]] = {}


def session_of(node: ComputeNode) -> Session:
    """Return the session with the node's agent, opened anew when it is not there any more.

    Raises:
        NodeUnreachable, HostKeyChanged, SignInRefused: see `ssh`.
    """
    there = kept(node)
    if there:
        return there
    drop(node)
    target = Target(
        host=node.host,
        port=node.port,
        user=node.ssh_user,
        host_key=node.host_key,
        private_key=private_key_of(node),
    )
    connection = Connection(target)
    session = connection.session(COMMAND)
    _open[node.pk] = (_place(node), connection, session)
    return session


def is_known(node_pk: int) -> bool:
    """Return whether this process has, or had, a session with the node."""
    return node_pk in _open


def kept(node: ComputeNode) -> Session | None:
    """Return the session that is open already, to the machine that the node's row names."""
    known = _open.get(node.pk)
    is_there = known and known[0] == _place(node) and known[1].is_open
    return known[2] if known and is_there else None


def _place(node: ComputeNode) -> str:
    return f"{node.host}:{node.port}:{node.host_key}:{node.public_key}"


def drop(node: ComputeNode) -> None:
    """Close the connection to a node: after an error nothing on it can be trusted."""
    known = _open.pop(node.pk, None)
    if known:
        known[1].close()


def quoted(path: str) -> str:
    """Return a path as one word for a shell on the node."""
    return shlex.quote(path)
