"""The node's own way to the Master: it calls over HTTPS, and is asked the same as over SSH.

Each request carries an answer, each response the next question. The Master is known by the
certificate of its authority, which the operator's command pinned; the node by a key that never
leaves it.
"""

import hashlib
import http.client
import json
import logging
import os
import random
import shutil
import socket
import ssl
import subprocess

from .home import read_json, write_bytes, write_json

# The name in the door's certificate, wherever the door stands.
DOOR_NAME = "node-door.tenantry"
# The door holds a call for up to fifty seconds.
ANSWER_SECONDS = 75
CONNECT_SECONDS = 10
LONGEST_QUESTION = 32 * 1024 * 1024
LONGEST_WAIT = 100
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
OPENSSL_SECONDS = 60
# X509_V_FLAG_NO_CHECK_TIME: a machine whose clock is wrong must still reach who could tell it.
NO_CHECK_TIME = 0x200000
_REQUEST = b"[req]\ndistinguished_name=name\nprompt=no\n[name]\nCN=node\n"
log = logging.getLogger("tenantry")


class DoorRefused(Exception):
    """The Master's door does not take the call; what it said."""


class Connection(http.client.HTTPConnection):
    """One TLS connection to the door, known by its name and authority and not by its address."""

    def __init__(self, place, context):
        host, _, port = place.rpartition(":")
        super().__init__(host.strip("[]"), int(port), timeout=ANSWER_SECONDS)
        self.context = context

    def connect(self):
        """Connect, notice soon when the other side is gone, and check who it is."""
        line = socket.create_connection((self.host, self.port), CONNECT_SECONDS)
        line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for name, value in (("TCP_KEEPIDLE", 10), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3)):
            if hasattr(socket, name):
                line.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
        try:
            self.sock = self.context.wrap_socket(line, server_hostname=DOOR_NAME)
        except BaseException:
            line.close()
            raise
        self.sock.settimeout(ANSWER_SECONDS)

    def send_line(self, path, content):
        """Post one answer and return the next question, a line without its end."""
        headers = {"Content-Type": "application/json"}
        self.request("POST", path, body=content, headers=headers)
        response = self.getresponse()
        question = response.read(LONGEST_QUESTION + 1)
        if response.status != 200:
            raise DoorRefused(question[:300].decode("utf-8", "replace"))
        if len(question) > LONGEST_QUESTION:
            raise DoorRefused("the Master's question is too long")
        return question


def context_for(authority, pair=None):
    """Return how to check the Master, and to show who we are with `pair` (certificate and key)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(cadata=authority)
    context.verify_flags |= NO_CHECK_TIME
    if pair is not None:
        context.load_cert_chain(str(pair))
    return context


def pinned_authority(place, pin):
    """Fetch the Master's authority; only the one that was pinned is taken."""
    unchecked = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    unchecked.check_hostname, unchecked.verify_mode = False, ssl.CERT_NONE
    connection = Connection(place, unchecked)
    try:
        connection.request("GET", "/authority.pem")
        text = connection.getresponse().read(65536).decode("ascii", "replace")
    finally:
        connection.close()
    if hashlib.sha256(ssl.PEM_cert_to_DER_cert(text)).hexdigest() != pin:
        raise DoorRefused("this is not the Master of the command: another authority answers")
    return text


# The key, its request and its certificate.


def _place_file(home):
    return home.state / "door.json"


def pair_file(home):
    """Return where the certificate and its key lie, in one file: replaced as one."""
    return home.state / "caller.pem"


def is_set(home):
    """Return whether this node calls its Master."""
    return _place_file(home).exists() and pair_file(home).exists()


def keep_place(home, place, authority):
    """Remember whom to call."""
    write_json(_place_file(home), {"place": place, "authority": authority})


def request(home):
    """Return a certificate request for a new key; asked again, for the same one."""
    key = home.state / "caller-key.new"
    if not key.exists():
        part = home.state / "caller-key.part"
        curve = ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
        _openssl("genpkey", *curve, "-out", str(part))
        os.chmod(str(part), 0o600)
        os.replace(str(part), str(key))
    settings = home.state / "caller-request.cnf"
    write_bytes(settings, _REQUEST)
    said = _openssl("req", "-new", "-key", str(key), "-config", str(settings))
    return said.decode("ascii")


def take(home, certificate):
    """Put the certificate for the last request to use; one that does not fit its key is refused.

    Raises:
        ValueError: it cannot be read, or is of another key.
    """
    key, part = home.state / "caller-key.new", home.state / "caller.part"
    if not key.exists():
        raise ValueError("no certificate was asked for")
    write_bytes(part, certificate.encode("ascii") + key.read_bytes())
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(str(part))
    except ssl.SSLError as error:
        raise ValueError(f"the certificate does not fit: {error}")
    os.replace(str(part), str(pair_file(home)))
    key.unlink()


def has_openssl():
    """Return whether keys can be made here: the standard library cannot."""
    return shutil.which("openssl") is not None


def _openssl(*arguments):
    try:
        done = subprocess.run(
            ["openssl", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            timeout=OPENSSL_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ValueError(f"openssl does not run: {error}")
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace")[-300:]
        raise ValueError("openssl {} ended with {}: {}".format(arguments[0], done.returncode, said))
    return done.stdout


# The resident's thread.


class Caller:
    """Calls the Master for as long as the agent runs, again and again after each failure."""

    def __init__(self, home, reply, ends):
        self.home = home
        self.reply = reply
        self.ends = ends

    def run(self):
        """Call; after a failure later and later, so that a returning Master is not stormed."""
        failures = 0
        while not self.ends.is_set():
            try:
                self._call()
                failures = 0
            except Exception as error:
                # Whatever it is: a node whose caller ended could never be mended from afar.
                failures += 1
                log.info("the Master's door: %s: %s", type(error).__name__, error)
                pause = min(FIRST_PAUSE * 2 ** min(failures - 1, 10), LONGEST_PAUSE)
                self.ends.wait(pause * random.uniform(0.5, 1.0))

    def _call(self):
        """Keep one connection until the agent ends or its certificate changes."""
        door, pair = read_json(_place_file(self.home), {}), pair_file(self.home)
        used = pair.stat().st_mtime_ns
        connection = Connection(door["place"], context_for(door["authority"], pair))
        try:
            said = self._hello()
            while not self.ends.is_set():
                question = connection.send_line("/talk", said)
                seconds = _to_wait(question)
                if seconds is None:
                    said = self.reply(question)
                    continue
                if pair.stat().st_mtime_ns != used:
                    return
                self.ends.wait(min(seconds, LONGEST_PAUSE))
                said = self._hello()
        finally:
            connection.close()

    def _hello(self):
        return json.dumps({"op": "hello", "node": self.home.identity().get("node", "")}).encode()


def _to_wait(question):
    """Return after how many seconds to call again; None when something is asked."""
    said = json.loads(question) if len(question) < LONGEST_WAIT else {}
    return float(said["seconds"]) if said.get("op") == "wait" else None
