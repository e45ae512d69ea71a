"""The forced command: joins the SSH channel to the resident agent, starting it when it is away."""

import os
import select
import socket
import sys
import time

from . import upgrade
from .background import start
from .home import Home, version

START_SECONDS = 20
CHUNK = 65536


def main(home_path, agent):
    """Pump bytes both ways until one side closes.

    While another version is on trial, its own session speaks: what is confirmed can be reached.
    """
    home = Home(home_path)
    if upgrade.must_yield(home, version(agent)):
        trial = str(upgrade.trial_zip(home))
        os.execv(sys.executable, [sys.executable, trial, "session", str(home.path)])
    peer = _connect(home, agent)
    if peer is None:
        print('{"op": "error", "code": "no_agent", "message": "the resident agent does not start"}')
        return 1
    _pump(peer)
    return 0


def _connect(home, agent):
    # A version on trial is started by its watchdog only, which sees whether it stays.
    until, started = time.monotonic() + START_SECONDS, agent == str(upgrade.trial_zip(home))
    while time.monotonic() < until:
        peer = socket.socket(socket.AF_UNIX)
        try:
            peer.connect(str(home.socket))
            return peer
        except OSError:
            peer.close()
        if not started:
            start(home, agent)
            started = True
        time.sleep(0.05)
    return None


def _pump(peer):
    incoming, outgoing = sys.stdin.fileno(), sys.stdout.fileno()
    open_input = True
    while True:
        sources = [peer, incoming] if open_input else [peer]
        ready, _, _ = select.select(sources, [], [])
        if incoming in ready:
            chunk = os.read(incoming, CHUNK)
            if chunk:
                peer.sendall(chunk)
            else:
                # The other side has asked all it wanted: answers still come.
                open_input = False
                peer.shutdown(socket.SHUT_WR)
        if peer in ready:
            chunk = peer.recv(CHUNK)
            if not chunk:
                return
            _write(outgoing, chunk)


def _write(handle, chunk):
    while chunk:
        chunk = chunk[os.write(handle, chunk) :]
