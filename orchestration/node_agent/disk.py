"""The disk that a directory takes, looked at as often as it could matter."""

import os

from .clock import clock
from .metering import disk_bytes

EVERY_SECONDS = 60
# The file system filled up by this much since the last look: somebody is writing.
GROWN_BYTES = 16 * 1024**2
SOONEST_SECONDS = 0.2
# A look may take this part of the time at most: counting many files is work too.
PART = 0.05
# Services start again some way below the limit, not at once to be stopped again.
AGAIN_PART = 0.95


class DiskWatch:
    """Says whether a directory holds more than it may."""

    def __init__(self):
        self.size, self.at, self.took, self.used = 0, None, 0.0, 0
        self.limit, self.is_over = 0, False

    def look(self, path, limit):
        """Return whether it is over the limit, or was and is not yet well below."""
        if not limit:
            self.is_over = False
        elif limit != self.limit or self._is_due(path):
            self.at = clock.monotonic()
            self.used = used_bytes(path)
            self.size = disk_bytes(path)
            self.took = clock.monotonic() - self.at
            self.is_over = self.size > limit * (AGAIN_PART if self.is_over else 1)
        self.limit = limit
        return self.is_over

    def _is_due(self, path):
        if self.at is None:
            return True
        passed = clock.monotonic() - self.at
        if passed < max(SOONEST_SECONDS, self.took / PART):
            return False
        return self.is_over or passed >= EVERY_SECONDS or self._has_grown(path)

    def _has_grown(self, path):
        return used_bytes(path) - self.used > GROWN_BYTES


def used_bytes(path):
    """Return what is taken of the whole file system."""
    found = os.statvfs(str(path))
    return (found.f_blocks - found.f_bfree) * found.f_frsize
