"""When something that failed is tried again."""

import random

from .clock import clock

FIRST_SECONDS = 2.0
LONGEST_SECONDS = 300.0


class Backoff:
    """Twice as long each time, with jitter, so that a thousand nodes do not retry together."""

    def __init__(self):
        self.count = 0
        self.again_at = 0.0
        self.reason = ""

    def failed(self, reason):
        """Remember a failure."""
        self.count += 1
        self.reason = reason
        pause = min(FIRST_SECONDS * 2 ** (self.count - 1), LONGEST_SECONDS)
        self.again_at = clock.monotonic() + pause * random.uniform(0.8, 1.2)

    def is_due(self):
        """Return whether it may be tried again."""
        return clock.monotonic() >= self.again_at
