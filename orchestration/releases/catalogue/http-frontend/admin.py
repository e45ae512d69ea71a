"""Tell the engine its configuration over its Unix socket."""

import http.client
import json
import socket

SECONDS = 60


class Refused(Exception):
    """The engine takes this configuration not, and goes on with the one of before."""


class _Connection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=SECONDS)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(SECONDS)
        self.sock.connect(self.path)


def load(path, configuration):
    """Have the engine work by a configuration; requests under way end by that of before.

    Raises:
        Refused: with what the engine says.
    """
    connection = _Connection(path)
    try:
        headers = {"Content-Type": "application/json", "Host": ""}
        connection.request("POST", "/load", json.dumps(configuration), headers)
        answer = connection.getresponse()
        said = answer.read().decode("utf-8", "replace")
    finally:
        connection.close()
    if answer.status != 200:
        raise Refused(said.strip()[:1000])
