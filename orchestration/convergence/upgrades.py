"""Which nodes are offered the agent that this Master ships: a few at a time, none after a bad one.

The nodes change their agent by themselves and return the former when the new one is not heard;
here it is only said who may. Campaigns with windows and consent stand above this.
"""

import base64
from typing import Any

from orchestration.node_agent.bundle import bundle, version
from orchestration.nodes.models import ComputeNode
from orchestration.nodes.queries import upgrading

# How long a node waits for the first report of a new agent to be acknowledged.
TRIAL_SECONDS = 120


def offer(node: ComputeNode) -> str:
    """Return the version that the node is told of, or "" when it is to keep its own for now."""
    shipped = version()
    is_there = node.agent_version == shipped
    return shipped if is_there or upgrading(shipped).filter(pk=node.pk).exists() else ""


def gift() -> dict[str, Any]:
    """Return the message that carries the agent."""
    content = base64.b64encode(bundle()).decode()
    return {"op": "agent", "version": version(), "zip": content, "seconds": TRIAL_SECONDS}
