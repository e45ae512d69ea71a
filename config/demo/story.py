"""Named steps with their times; the first that did not really happen ends the story."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")


class StepFailed(Exception):
    """A step did not happen, and why."""


class Story:
    """Prints what happens while it happens."""

    def __init__(self) -> None:
        self.started = time.monotonic()

    @property
    def seconds(self) -> float:
        """Return the time since the story began."""
        return round(time.monotonic() - self.started, 1)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Print the step, run it, print how long it took.

        Raises:
            StepFailed: names the step that failed.
        """
        began = time.monotonic()
        say(f"  … {name}")
        try:
            yield
        except Exception as error:
            say(f"  ✗ {name}: {error}")
            raise StepFailed(f"{name}: {error}") from error
        say(f"  ✓ {name} ({time.monotonic() - began:.1f} s)")


def say(line: str) -> None:
    """Print at once, also into a pipe."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def wait_for(what: str, look: Callable[[], T | None], *, seconds: float, pause: float = 0.25) -> T:
    """Return the first answer that is not None.

    Raises:
        StepFailed: it did not come in time.
    """
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        answer = look()
        if answer is not None:
            return answer
        time.sleep(pause)
    raise StepFailed(f"{what} did not happen within {seconds:.0f} s")
