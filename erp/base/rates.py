"""How often something happens in a minute, counted for all processes together in Redis."""

import logging
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from django.conf import settings
from redis import Redis
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


@cache
def _counts() -> Any:
    """Return our own client: Django's cache asks twice where once is enough."""
    options = {"socket_timeout": 1, "socket_connect_timeout": 1}
    return Redis.from_url(settings.REDIS_URL, **options)


def count(name: str, *, limit: int, at: datetime) -> Rate | None:
    """Count once more; None while Redis is away: then nobody is held up."""
    minute, second = divmod(int(at.timestamp()), MINUTE)
    key = f"tenantry:rate:{name}:{minute}"
    try:
        used = int(_counts().incr(key))
        if used == 1:
            _counts().expire(key, 2 * MINUTE)
    except (RedisError, OSError) as error:
        log.warning("calls are not counted: %s", error)
        return None
    return Rate(limit, used, MINUTE - second)
