"""The API over HTTP: one call at a time, repeated where that is safe, refusals as they are said."""

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from .errors import Refused, Unreachable
from .settings import Login

TIMEOUT_SECONDS = 60
TRIES = 4
LONGEST_WAIT_SECONDS = 60
LARGEST_BYTES = 100 * 1024 * 1024
PAGE = 200
JSON = "application/json"
# What heals by itself: too many calls, or a server that starts again.
_AGAIN = frozenset({429, 502, 503, 504})


class _Stay(HTTPRedirectHandler):
    """A token is shown to the server that was named and to no other."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        """Follow nothing."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered."""

    status: int
    kind: str
    body: bytes
    name: str = ""

    def data(self) -> Any:
        """Return the JSON of it.

        Raises:
            Unreachable: it is none.
        """
        try:
            return json.loads(self.body) if self.body else None
        except ValueError as error:
            raise Unreachable("What answers there is no Tenantry: check the address.") from error


class Client:
    """Calls one server with one token."""

    def __init__(self, login: Login) -> None:
        self.base = login.url.rstrip("/") + "/api/v1/"
        self._headers = {"Authorization": f"Bearer {login.token}", "User-Agent": "tenantry-cli/0.1"}
        self._opener = build_opener(_Stay)

    def get(self, path: str, **query: Any) -> Any:
        """Return what is at a path."""
        return self.call("GET", path, query=query).data()

    def post(self, path: str, body: Any = None, *, key: str = "") -> Any:
        """Ask for something to be done; with a key it is safe to repeat."""
        return self.call("POST", path, body=body or {}, key=key).data()

    def put(self, path: str, body: Any) -> Any:
        """Set something; repeating it changes nothing."""
        return self.call("PUT", path, body=body).data()

    def rows(self, path: str, *, most: int = 10_000, **query: Any) -> Iterator[Any]:
        """Yield the rows of a list, page after page, at most so many.

        Raises:
            Unreachable: a page names another server.
        """
        page, seen = self.get(path, page_size=min(most, PAGE), **query), 0
        while True:
            for row in page["results"]:
                if seen == most:
                    return
                seen += 1
                yield row
            if not page["next"]:
                return
            following = urlsplit(page["next"])
            page = self.get(f"{path}?{following.query}")

    def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        kind: str = JSON,
        key: str = "",
    ) -> Answer:
        """Call, and again where that is safe and may help.

        Raises:
            Refused: the API says why.
            Unreachable: nobody answers.
        """
        request = self._request(method, path, query=query, body=body, kind=kind)
        if key:
            request.add_header("Idempotency-Key", key)
        is_safe = bool(key) or method != "POST"
        for left in range(TRIES - 1, -1, -1):
            answer, wait = self._once(request)
            if not (left and is_safe and (answer is None or answer.status in _AGAIN)):
                return _accepted(answer, self.base)
            time.sleep(wait)
        raise AssertionError("the last try returns")

    def _request(
        self, method: str, path: str, *, query: Mapping[str, Any] | None, body: Any, kind: str
    ) -> Request:
        asked = {name: value for name, value in (query or {}).items() if value not in (None, "")}
        url = self.base + path + (f"?{urlencode(asked)}" if asked else "")
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        headers = self._headers | ({"Content-Type": kind} if data is not None else {})
        return Request(url, data=data, headers=headers, method=method)  # noqa: S310

    def _once(self, request: Request) -> tuple[Answer | None, float]:
        """Return the answer, or None where nobody answered, and how long to wait for another."""
        try:
            with self._opener.open(request, timeout=TIMEOUT_SECONDS) as said:
                return _read(said), 0
        except HTTPError as error:
            with error:
                wait = error.headers.get("Retry-After", "")
                seconds = int(wait) if wait.isdigit() else 1
                return _read(error), min(seconds, LONGEST_WAIT_SECONDS)
        except (URLError, OSError):
            return None, 1


def _read(said: Any) -> Answer:
    body = said.read(LARGEST_BYTES + 1)
    if len(body) > LARGEST_BYTES:
        raise Unreachable(f"The answer is larger than {LARGEST_BYTES} bytes.")
    name = said.headers.get_filename() or ""
    return Answer(said.status, said.headers.get_content_type(), body, name)


def _accepted(answer: Answer | None, base: str) -> Answer:
    if answer is None:
        raise Unreachable(f"Nobody answers at {base}: check the address and the network.")
    if 200 <= answer.status < 300:
        return answer
    if answer.kind == "application/problem+json":
        raise Refused(answer.data())
    raise Unreachable(f"{base} answered {answer.status}, which is no answer of a Tenantry.")
