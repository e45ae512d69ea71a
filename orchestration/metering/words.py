"""How a figure was counted, in words: what a node says in short, with what it is worth."""

from collections.abc import Mapping

# What the node says of its samples; the carrier cuts it to 40 characters.
_WORDS: Mapping[str, str] = {
    "cgroup v2": "Counted by the node's kernel for all processes together (control group,"
    " version 2): exact, short-lived processes included.",
    "cgroup v1": "Counted by the node's kernel for all processes together (control group,"
    " version 1): exact, short-lived processes included.",
    "process tree": "Counted from the service's processes and from those that they waited for,"
    " short-lived ones included; what ends without anybody waiting for it is not counted.",
    "process table": "Counted by looking at the processes once a second: what lives shorter than"
    " that may be missed, so the figure is rather too low.",
    "every minute": "Measured once a minute and held until the next look.",
}


def of_accuracy(said: str) -> str:
    """Return in words how a figure was counted; what a node says otherwise stands as it is."""
    return _WORDS.get(said, said)
