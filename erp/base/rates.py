"""How often something happens in a minute, counted for all processes together in Redis."""

import logging
from dataclasses import dataclass
from datetime import datetime

from django.core.cache import caches
from redis.exceptions import RedisError

MINUTE = 60
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Rate:
    """How much of what is allowed in this minute was used, this time included."""

    limit: int
    used: int
    resets_in_seconds: int

    @property
    def is_over(self) -> bool:
        """Return whether this was one too many."""
        return self.used > self.limit

    def headers(self) -> dict[str, str]:
        """Return what the caller is told of it with every answer."""
        return {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(max(self.limit - self.used, 0)),
            "RateLimit-Reset": str(self.resets_in_seconds),
        }


def count(name: str, *, limit: int, at: datetime) -> Rate | None:
    """Count once more; None while Redis is away: then nobody is held up."""
    minute, second = divmod(int(at.timestamp()), MINUTE)
    key, counts = f"rate:{name}:{minute}", caches["shared"]
    try:
        try:
            used = counts.incr(key)
        except ValueError:
            # Of two first ones, one adds the key and the other counts on.
            used = 1 if counts.add(key, 1, timeout=2 * MINUTE) else counts.incr(key)
    except (RedisError, OSError) as error:
        log.warning("calls are not counted: %s", error)
        return None
    return Rate(limit, used, MINUTE - second)
