"""The one door to addresses that customers typed: HTTPS to the open internet, and back quickly.

Server-side request forgery is refused here: the name is resolved once, every address that it has
must be public, and the connection goes to one of those very addresses (a name that changes its
address between the check and the call leads nowhere else). Redirects are not followed, proxies of
the environment are not used, the answer is cut off, and the whole call ends at a deadline.

Source: OWASP Server Side Request Forgery Prevention Cheat Sheet; docs/adr/0024-outbox.md
"""

import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from django.conf import settings

from erp.base.errors import DomainError

CONNECT_SECONDS = 5
ANSWER_SECONDS = 10
ALL_SECONDS = 20
MOST_ANSWER_BYTES = 4096
MOST_ADDRESSES = 3

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
# IPv4 inside IPv6 (RFC 6052): reaches what the IPv4 address names.
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class BadAddress(DomainError):
    """This is no address that webhooks may go to."""

    code = "bad_address"
    status = 422


class NotReached(DomainError):
    """The address did not answer."""

    code = "not_reached"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the status, and the beginning of the body."""

    status: int
    text: str
    retry_after: int


def check_url(url: str) -> SplitResult:
    """Return the parts of a URL whose form is allowed; nothing is resolved.

    Raises:
        BadAddress: it is not, and why.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise BadAddress("This is no URL: compare it again.") from error
    schemes = {"https", "http"} if settings.WEBHOOKS_ANYWHERE else {"https"}
    if parts.scheme not in schemes:
        raise BadAddress("The URL must begin with https://.")
    if not (parts.hostname and url.isascii() and url.isprintable()) or " " in url or port == 0:
        raise BadAddress("This is no URL: write a host name in plain ASCII, and no blanks.")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise BadAddress("The URL must have no user, no password and no # part.")
    return parts


def is_public(address: Address) -> bool:
    """Return whether an address is on the open internet, by itself and by what it stands for."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
        if address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
        if address.scope_id or address.is_site_local:
            return False
    return address.is_global and not (address.is_multicast or address.is_reserved)


def resolve(host: str, port: int) -> list[str]:
    """Return the addresses of a host, all of them public.

    Raises:
        NotReached: the name has no address.
        BadAddress: one of its addresses is not public.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise NotReached(f"{host} has no address: {error}") from error
    addresses = list(dict.fromkeys(str(one[4][0]) for one in found))
    if not settings.WEBHOOKS_ANYWHERE:
        for one in addresses:
            if not is_public(ipaddress.ip_address(one)):
                raise BadAddress(f"{host} leads to {one}, which is no public address.")
    return addresses[:MOST_ADDRESSES]


def post(url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    """Send the body to the URL and return the answer, whatever its status.

    Raises:
        BadAddress: it must not go there.
        NotReached: no connection, no answer in time, or none that is HTTP.
    """
    parts = check_url(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    host = str(parts.hostname)
    try:
        with _connected(host, port, is_tls=parts.scheme == "https") as connection:
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request("POST", path, body=body, headers=dict(headers))
            return _read(connection.getresponse())
    except TimeoutError as error:
        raise NotReached(f"{host} did not answer in time.") from error
    except ssl.SSLError as error:
        raise NotReached(f"{host} has no certificate that we trust: {error.reason}") from error
    except (OSError, http.client.HTTPException) as error:
        raise NotReached(f"{host} hung up: {error or type(error).__name__}") from error


def _read(response: http.client.HTTPResponse) -> Answer:
    text = response.read(MOST_ANSWER_BYTES).decode(errors="replace")
    wait = response.headers.get("Retry-After", "")
    seconds = int(wait) if wait.isascii() and wait.isdigit() and len(wait) < 6 else 0
    return Answer(response.status, "".join(one for one in text if one.isprintable()), seconds)


@contextmanager
def _connected(host: str, port: int, *, is_tls: bool) -> Iterator[http.client.HTTPConnection]:
    """Connect to a checked address; all ends at the deadline, however slowly the other drips."""
    raw = _socket(resolve(host, port), port)
    # A second handle on the same connection: shut down, it ends any read, also within TLS.
    handle = raw.dup()
    is_over = threading.Event()
    deadline = threading.Timer(ALL_SECONDS, _shut, [handle, is_over])
    deadline.daemon = True
    deadline.start()
    connection: http.client.HTTPConnection | None = None
    try:
        raw.settimeout(ANSWER_SECONDS)
        if is_tls:
            context = ssl.create_default_context()
            connection = http.client.HTTPSConnection(host, port, context=context)
            connection.sock = raw = context.wrap_socket(raw, server_hostname=host)
        else:
            connection = http.client.HTTPConnection(host, port)
            connection.sock = raw
        yield connection
    except (OSError, http.client.HTTPException) as error:
        if is_over.is_set():
            raise TimeoutError from error
        raise
    finally:
        deadline.cancel()
        if connection is not None:
            connection.close()
        raw.close()
        handle.close()


def _shut(handle: socket.socket, is_over: threading.Event) -> None:
    is_over.set()
    try:
        handle.shutdown(socket.SHUT_RDWR)
    except OSError:
        # The call ended at the same moment.
        return


def _socket(addresses: list[str], port: int) -> socket.socket:
    """Connect to the first address that answers; they are numbers, so nothing is resolved."""
    last = "no address"
    for address in addresses:
        try:
            return socket.create_connection((address, port), timeout=CONNECT_SECONDS)
        except OSError as error:
            last = f"{address}: {error}"
    raise NotReached(f"No connection to {last}")
