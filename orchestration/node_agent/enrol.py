"""Join a Master that cannot reach this machine: what the operator's one-line command runs."""

import json
import os
import socket
import sys

from . import bootstrap, calls
from .home import Home


def main(source, place, pin):
    """Prepare this machine and get its certificate; each step is told here and to the Master."""
    token = os.environ.pop("TENANTRY_TOKEN", "")
    try:
        return _enrol(source, place, pin, token)
    except (OSError, ValueError, calls.DoorRefused) as error:
        print(f"{place}: {error}", file=sys.stderr)
        return 1
    finally:
        os.unlink(source)


def _enrol(source, place, pin, token):
    authority = calls.pinned_authority(place, pin)
    master = Master(place, authority, token)
    asked = master.ask(op="begin")
    asked["certify"] = lambda home: _certify(home, master)
    done = bootstrap.prepare(Home(asked["home"]), asked, source, master.tell)
    if done == 0:
        print("prepared: the node calls its Master now")
    return done


def _certify(home, master):
    """Make a key here, and have the Master sign it for the token."""
    calls.keep_place(home, master.place, master.authority)
    answer = master.ask(op="certify", request=calls.request(home), address=master.own_address())
    calls.take(home, answer["certificate"])
    return "the certificate is this machine's own"


class Master:
    """The door, asked with the one-time token; each question on a connection of its own."""

    def __init__(self, place, authority, token):
        self.place, self.authority, self.token = place, authority, token
        self.context = calls.context_for(authority)

    def ask(self, **question):
        """Return the answer to one question."""
        connection = calls.Connection(self.place, self.context)
        try:
            content = json.dumps(dict(question, token=self.token)).encode()
            return json.loads(connection.send_line("/enrol", content))
        finally:
            connection.close()

    def tell(self, line):
        """Say how a step ended."""
        print("{} {}".format("ok  " if line["ok"] else "FAIL", line["step"]), line["message"])
        sys.stdout.flush()
        self.ask(op="step", line=line)

    def own_address(self):
        """Return the address by which this machine reaches the Master's network."""
        host, _, port = self.place.rpartition(":")
        family, kind, _, _, where = socket.getaddrinfo(
            host.strip("[]"), int(port), type=socket.SOCK_DGRAM
        )[0]
        with socket.socket(family, kind) as probe:
            probe.connect(where)
            return probe.getsockname()[0]
