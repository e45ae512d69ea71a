"""Small checks that a service declares: each passes or fails with a message."""

import base64
import http.client
import socket
import time
from urllib.parse import urlsplit

SECONDS = 5
MOST_BYTES = 1024 * 1024


def run(promise):
    """Run one promise whose values are filled in; return (passes, message)."""
    try:
        if promise["kind"] == "port":
            return _port(promise["address"], int(promise["port"]))
        return _http(promise)
    except (OSError, ValueError, http.client.HTTPException) as error:
        return False, f"{type(error).__name__}: {error}"[:200]


def _port(address, port):
    with socket.create_connection((address, port), timeout=SECONDS):
        return True, f"port {port} answers"


def _http(promise):
    parts = urlsplit(promise["url"])
    connection = http.client.HTTPConnection(parts.hostname, parts.port or 80, timeout=SECONDS)
    headers = {"User-Agent": "tenantry-promise"}
    if promise.get("user"):
        pair = "{}:{}".format(promise["user"], promise.get("password", ""))
        headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
    began = time.monotonic()
    try:
        connection.request("GET", parts.path or "/", headers=headers)
        answer = connection.getresponse()
        body = answer.read(MOST_BYTES).decode("utf-8", "replace")
    finally:
        connection.close()
    took = int(1000 * (time.monotonic() - began))
    wanted = promise.get("status", 200)
    if answer.status != wanted:
        return False, f"answered {answer.status}, promised {wanted}"
    if promise.get("contains", "") not in body:
        return False, "the answer does not contain what was promised"
    return True, f"answered {answer.status} in {took} ms"
