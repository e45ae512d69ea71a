"""What carries a conversation with a node's agent: SSH, or HTTPS that the node calls itself."""

import json
from collections.abc import Mapping
from typing import Any, Protocol

from erp.base.errors import DomainError

LONGEST_ANSWER = 32 * 1024 * 1024


class NodeUnreachable(DomainError):
    """The machine does not answer: it will be tried again."""

    code = "node_unreachable"


class BadAnswer(DomainError):
    """The machine answered something that cannot be read."""

    code = "bad_answer"


class AgentRefused(DomainError):
    """The agent on the node refuses: its code says why."""

    code = "agent_refused"


class Session(Protocol):
    """Questions to one node's agent, one after the other."""

    def ask(self, message: Mapping[str, Any]) -> Mapping[str, Any]:
        """Send one message and return the answer.

        Raises:
            NodeUnreachable: nothing came in time, or the connection broke.
            BadAnswer: what came is too long or no message.
            AgentRefused: the agent's own refusal.
        """


def read_answer(line: bytes) -> Mapping[str, Any]:
    """Return the answer that a line holds.

    Raises:
        BadAnswer, AgentRefused: see `Session.ask`.
    """
    try:
        answer = json.loads(line)
        op = answer["op"]
        if not isinstance(op, str):
            raise TypeError("op is no text")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadAnswer(f"The agent's answer cannot be read: {line[:100]!r}") from error
    if op == "error":
        code, text = str(answer.get("code")), str(answer.get("message"))
        raise AgentRefused(f"The agent refuses ({code[:40]}): {text[:300]}")
    return dict(answer)
