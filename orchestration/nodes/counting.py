"""How a figure of usage was counted, in words: what a node says in short, with what it is worth.

Source: docs/adr/0019-how-cpu-is-counted.md, with the measurements.
"""

from collections.abc import Mapping
from typing import Any

_WORDS: Mapping[str, str] = {
    "cgroup v2": "Counted by the node's kernel for all processes together (control group,"
    " version 2): exact, short-lived processes included.",
    "cgroup v1": "Counted by the node's kernel for all processes together (control group,"
    " version 1): exact, short-lived processes included.",
    "process tree": "Added up from the service's processes and all that they waited for,"
    " short-lived ones included, in hundredths of a second; a process that ends and is waited for"
    " by nobody of the service is missed. So the figure is exact or too low.",
    "every minute": "Measured once a minute and held until the next look.",
}


def of_accuracy(said: str) -> str:
    """Return in words how a figure was counted; what a node says otherwise stands as it is."""
    return _WORDS.get(said, said)


def of_node(facts: Mapping[str, Any]) -> str:
    """Return in words how a node counts CPU time; nothing before it said so."""
    return of_accuracy(str(facts.get("cpu_counted", "")))
