"""What the front end promises: `look.py sites|https CONFIGURATION`; the last line says why not."""

import json
import socket
import ssl
import sys
import time
from pathlib import Path

from engine import INSIDE

OLDEST_SECONDS = 90
SECONDS = 5


def sites(place, _):
    """Return why sites are not applied, or nothing."""
    state = place / "state.json"
    if not state.exists():
        return "it has not read its sites yet"
    age = time.time() - state.stat().st_mtime
    if age > OLDEST_SECONDS:
        return f"it has not looked at its sites for {age:.0f} seconds"
    return json.loads(state.read_text())["problem"]


def https(place, asked):
    """Return why there is no TLS with a certificate of the instance's own authority, or nothing."""
    root = place / "data/engine/pki/authorities/local/root.crt"
    if not root.exists():
        return "it has no authority of its own yet"
    context = ssl.create_default_context(cafile=str(root))
    try:
        with socket.create_connection((asked["address"], asked["https_port"]), SECONDS) as plain:
            context.wrap_socket(plain, server_hostname=INSIDE).close()
    except OSError as error:
        return f"port {asked['https_port']}: {error}"
    return ""


if __name__ == "__main__":
    configuration = Path(sys.argv[2])
    look = {"sites": sites, "https": https}[sys.argv[1]]
    sys.exit(look(configuration.parent, json.loads(configuration.read_text())) or 0)
