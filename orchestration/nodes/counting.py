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
    "nftables": "Counted by the node's kernel (nftables): every packet, headers included, of"
    " connections to the service's ports and of those that it begins; what stays on the machine"
    " does not count, nor what arrives before a service answers on a port that is not its own.",
    "every minute": "Measured once a minute and held until the next look.",
}


def of_accuracy(said: str) -> str:
    """Return in words how a figure was counted; what a node says otherwise stands as it is."""
    return _WORDS.get(said, said)


def of_node(facts: Mapping[str, Any]) -> dict[str, str]:
    """Return in words how a node counts, by what it counts; nothing that it has not said."""
    said = {"Processor time": facts.get("cpu_counted"), "Network": facts.get("network_counted")}
    return {what: of_accuracy(str(how)) for what, how in said.items() if how}
