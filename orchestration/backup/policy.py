"""What was agreed of an instance's backups: read from its contract line. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

GIB = 1024**3
# Twice missed is missed; a snapshot takes its time too.
PATIENCE = 2
MARGIN = timedelta(minutes=10)
DEFAULT_KEEP: Mapping[str, int] = {"hourly": 24, "daily": 7, "weekly": 4}


@dataclass(frozen=True, slots=True)
class Policy:
    """How often, for how long, and how far away; and what happens when a node is lost.

    Args:
        where: how far from the instance: another node, another network, another region.
        takeover_minutes: a node that is away for so long is given up; None: only by hand.
        priority: of a lost node's instances the highest come back first.
    """

    every_minutes: int
    keep: Mapping[str, int]
    where: str
    most_bytes: int
    takeover_minutes: int | None
    priority: int
    drill_days: int | None

    @property
    def every(self) -> timedelta:
        """Return the time from one snapshot to the next."""
        return timedelta(minutes=self.every_minutes)

    @property
    def oldest(self) -> timedelta:
        """Return how old the newest snapshot may become before somebody is told."""
        return self.every * PATIENCE + MARGIN


def policy_of(agreed: Mapping[str, Any]) -> Policy | None:
    """Return the policy of a contract line; None: nothing is backed up."""
    if not agreed:
        return None
    return Policy(
        every_minutes=agreed["every_minutes"],
        keep=DEFAULT_KEEP | agreed.get("keep", {}),
        where=agreed.get("where", "node"),
        most_bytes=agreed.get("most_gib", 100) * GIB,
        takeover_minutes=agreed.get("takeover_minutes"),
        priority=agreed.get("priority", 50),
        drill_days=agreed.get("drill_days"),
    )
