"""What a partition may use and what holds it to that, in words; pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.template.defaultfilters import filesizeformat

from orchestration.node_agent.limits import DEFAULT_MEMORY_PART, DEFAULT_PROCESSES

# The limit in a plan, what people call it, and the fact in which a node says what holds it.
LIMITS = (
    ("memory_bytes", "Memory", "limit_memory"),
    ("cpu_millis", "Processor", "limit_cpu"),
    ("processes", "Processes", "limit_processes"),
    ("open_files", "Open files", "limit_open_files"),
    ("disk_bytes", "Disk", "limit_disk"),
)
FACTS = frozenset(fact for _, _, fact in LIMITS)
_HOW = {
    "cgroup v1": "The kernel holds all its processes together to it (control groups, version 1).",
    "cgroup v2": "The kernel holds all its processes together to it (control groups, version 2).",
    "rlimit": "Each process by itself is held to it.",
    "measured": "Measured; services that hold more are stopped until there is room again.",
    "none": "Nothing on this node holds it.",
}
_UNKNOWN = "The node has not said yet what holds it."


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit as people read it; `amount` is empty where only the means are told."""

    name: str
    how: str
    amount: str = ""


def of_node(facts: Mapping[str, Any]) -> list[Limit]:
    """Return what holds partitions to their limits on a node."""
    return [Limit(name, _how(facts, fact)) for _, name, fact in LIMITS]


def of_instance(limits: Mapping[str, Any], facts: Mapping[str, Any]) -> list[Limit]:
    """Return what an instance may use, and what holds it to that where it is."""
    return [
        Limit(name, _how(facts, fact), _amount(key, limits.get(key), facts))
        for key, name, fact in LIMITS
    ]


def _how(facts: Mapping[str, Any], fact: str) -> str:
    return _HOW.get(str(facts.get(fact)), _UNKNOWN)


def _amount(key: str, given: Any, facts: Mapping[str, Any]) -> str:
    """Return an amount with its unit: the plan's, or what every partition has."""
    if isinstance(given, int) and given > 0:
        return _written(key, given)
    held = str(facts.get(f"limit_{key.removesuffix('_bytes')}"))
    memory = facts.get("memory_bytes")
    if key == "processes" and held != "none":
        return f"{DEFAULT_PROCESSES}, as for every service"
    if key == "memory_bytes" and held.startswith("cgroup") and isinstance(memory, int):
        return f"{filesizeformat(memory // DEFAULT_MEMORY_PART)}, as for every service"
    return "no limit"


def _written(key: str, amount: int) -> str:
    if key == "cpu_millis":
        return f"{amount / 1000:g} cores"
    return str(filesizeformat(amount)) if key.endswith("_bytes") else f"{amount:,}"
