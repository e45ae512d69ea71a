"""Which queue a node's tasks go to: always the same, since one process keeps its session open."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings

_PREFIX = "orchestration.convergence."
FIRST = "converge"


def queue_of(node_pk: int) -> str:
    """Return the queue of a node: `converge`, `converge-1` and so on, one per lane."""
    lane = node_pk % max(settings.CONVERGE_LANES, 1)
    return f"{FIRST}-{lane}" if lane else FIRST


def route(
    name: str, args: Sequence[Any], kwargs: Mapping[str, Any], options: object, **_: Any
) -> dict[str, str] | None:
    """Tell Celery the queue of a task: that of the node it names, of the first of several."""
    if not name.startswith(_PREFIX):
        return None
    nodes = kwargs.get("nodes") or [kwargs.get("node", 0)]
    return {"queue": queue_of(int(nodes[0]))}
