"""The one clock of the agent: it follows the Master's, and no jump of the machine's moves it."""

import time

# Less than this is the way over the line, not the clock.
TOLERANCE_SECONDS = 2.0


class Clock:
    """Wall time: where the machine's clock stood once, and what has passed since."""

    def __init__(self, wall=time.time, monotonic=time.monotonic):
        self.monotonic = monotonic
        self._origin = wall() - monotonic()

    def wall(self):
        """Return the seconds since 1970."""
        return self._origin + self.monotonic()

    def hear(self, master):
        """Follow the Master's time; return how many seconds ours was behind, 0.0 for hardly any."""
        behind = master - self.wall()
        if abs(behind) < TOLERANCE_SECONDS:
            return 0.0
        self._origin += behind
        return behind


clock = Clock()
