"""Use the services as a customer would: over HTTP, at the published address."""

import time
from base64 import b64encode
from urllib import error, request

from config.demo.story import StepFailed

TIMEOUT = 5


def fetch(
    url: str, *, method: str = "GET", body: bytes | None = None, user: str = "", password: str = ""
) -> tuple[int, bytes]:
    """Return status and content; status 0 when nothing answers."""
    asked = request.Request(url, data=body, method=method)  # noqa: S310  (our own services)
    if user:
        token = b64encode(f"{user}:{password}".encode()).decode()
        asked.add_header("Authorization", f"Basic {token}")
    try:
        with request.urlopen(asked, timeout=TIMEOUT) as answer:  # noqa: S310  (as above)
            return answer.status, answer.read()
    except error.HTTPError as refused:
        return refused.code, refused.read()
    except OSError:
        return 0, b""


def put_and_get(url: str, *, user: str, password: str) -> None:
    """Store a file and read it back.

    Raises:
        StepFailed: what came back is not what was stored.
    """
    content = b"Kept safe by Tenantry.\n" * 4096
    place = url.rstrip("/") + "/hello.txt"
    stored, _ = fetch(place, method="PUT", body=content, user=user, password=password)
    read, found = fetch(place, user=user, password=password)
    refused, _ = fetch(place)
    if stored not in {201, 204} or read != 200 or found != content or refused != 401:
        raise StepFailed(f"PUT answered {stored}, GET {read}, GET without password {refused}")


def load(url: str, *, seconds: float, user: str = "", password: str = "") -> int:
    """Ask again and again for a while, so that usage is not zero; return how often."""
    until, count = time.monotonic() + seconds, 0
    while time.monotonic() < until:
        fetch(url, user=user, password=password)
        count += 1
    return count
