"""What was agreed of an instance's backups: read from its contract line. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

GIB = 1024**3
# Twice missed is missed; a snapshot takes its time too.
PATIENCE = 2
MARGIN = timedelta(minutes=10)
_FAR = {"node": "on another node", "network": "in another network", "region": "in another region"}
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


def agreed_in_words(policy: Policy | None) -> str:
    """Return a policy as a sentence; nothing where none was agreed."""
    if policy is None:
        return ""
    keep = policy.keep
    said = (
        f"Saved every {_minutes(policy.every_minutes)} {_FAR[policy.where]}, encrypted; kept for "
        f"{keep['hourly']} hours, {keep['daily']} days and {keep['weekly']} weeks."
    )
    if policy.takeover_minutes is not None:
        away = _minutes(policy.takeover_minutes)
        said += f" If its machine is lost for {away}, it comes back on another one by itself."
    return said


def _minutes(count: int) -> str:
    hours, rest = divmod(count, 60)
    if rest:
        return f"{count} minutes"
    return "hour" if hours == 1 else f"{hours} hours"
