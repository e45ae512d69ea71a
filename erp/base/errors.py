"""Refusals that a user can understand; a bug is an assert and never one of these."""

from typing import Any, ClassVar


class DomainError(Exception):
    """What was asked cannot be done, and why.

    The message is shown to the person who asked: it says what is wrong, where, and what to do.
    Doors answer with status 409, unless the class says otherwise.
    """

    code: ClassVar[str] = "refused"
    status: ClassVar[int] = 409

    def __init__(self, message: str = "", **facts: Any) -> None:
        super().__init__(message or (type(self).__doc__ or self.code).splitlines()[0])
        self.facts = facts
