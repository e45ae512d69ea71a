"""A thread as it is read: each message with what it quotes folded away."""

from collections.abc import Iterable
from dataclasses import dataclass

from erp.tickets.folding import Part, parts_of
from erp.tickets.models import Message


@dataclass(frozen=True, slots=True)
class Read:
    """A message and its parts."""

    message: Message
    parts: list[Part]


def folded(messages: Iterable[Message]) -> list[Read]:
    """Return the messages with their parts."""
    return [Read(one, parts_of(one.body)) for one in messages]
