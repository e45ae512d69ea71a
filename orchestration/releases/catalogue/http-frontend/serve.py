"""Run the front end: `serve.py CADDY CONFIGURATION`.

Caddy takes the requests. This program tells it the sites, which it reads from `shared.json`: it
checks them, looks up their backends, and says in `shared-status.json` what became of each.
"""

import ctypes
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from itertools import product
from pathlib import Path

from admin import Refused, load
from backends import Addresses, Rules
from counts import Counts
from engine import configuration
from judge import Judge
from meeting import Meetings

PERIOD_SECONDS = 1
START_SECONDS = 20
STOP_SECONDS = 6
PR_SET_PDEATHSIG = 1
BACKLOG = 1024
# Both sides of each request, and some for the engine itself.
FILES_PER_CONNECTION = 2
FILES = 256


class Front:
    """The engine, and what it was last told."""

    def __init__(self, caddy, path):
        self.caddy = caddy
        self.place = path.parent
        self.settings = settings_of(json.loads(path.read_text()), self.place)
        self.listeners = open_to(self.settings)
        self.owners = self.place / "data" / "owners.json"
        self.judge = Judge(Rules(self.settings), Addresses(), owners_in(self.owners))
        self.meetings = Meetings(self.settings)
        self.counts = Counts(self.place / "data" / "counts")
        self.seen, self.entries, self.problem = None, [], ""
        self.loaded, self.proven, self.refused = None, {}, {}
        self.child = None

    def run(self):
        """Serve until ended; return how the engine ended."""
        self._start()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop())
        while self.child.poll() is None:
            self.tick()
            time.sleep(PERIOD_SECONDS)
        self.counts.finish()
        return self.child.returncode

    def _start(self):
        """Start the engine, listening to us alone: it serves when it knows the sites."""
        admin = {"listen": f"unix/{self.settings['admin']}|0600", "config": {"persist": False}}
        most = self.settings["connections"] * FILES_PER_CONNECTION + FILES
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        files = most if hard == resource.RLIM_INFINITY else min(most, hard)
        Path(self.settings["admin"]).unlink(missing_ok=True)
        # It keeps the lock that says that this service runs: there is never a second one.
        self.child = subprocess.Popen(
            [self.caddy, "run", "--config", "-"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            close_fds=False,
            preexec_fn=lambda: bounded(files),
        )
        self.child.stdin.write(json.dumps({"admin": admin}).encode())
        self.child.stdin.close()
        self.counts.read(self.child.stdout)
        until = time.monotonic() + START_SECONDS
        while not Path(self.settings["admin"]).exists():
            if self.child.poll() is not None or time.monotonic() > until:
                sys.exit("the engine does not start")
            time.sleep(0.05)

    def _stop(self):
        """Let requests under way end; the rest is cut off before the supervisor would."""
        signal.signal(signal.SIGALRM, lambda *_: self.child.kill())
        signal.alarm(STOP_SECONDS)
        self.child.terminate()

    def tick(self):
        """Bring the engine to what the sites ask now, and say what became of them."""
        self._read()
        served = self.judge.served(self.entries)
        # Before anybody is served: after a restart a domain is whose it was.
        write(self.owners, self.judge.owners)
        wanted = configuration(self.settings, served)
        if wanted != self.loaded:
            self._load(served, wanted)
        self._tell(served)
        self.counts.save()

    def _read(self):
        """Read the sites again when their file was replaced; one that is broken changes nothing."""
        path = self.place / "shared.json"
        try:
            facts = path.stat()
            seen = facts.st_mtime_ns, facts.st_ino, facts.st_size
            if seen != self.seen:
                self.entries = entries_of(path.read_bytes())
                self.seen, self.problem = seen, ""
        except FileNotFoundError:
            self.entries, self.problem = [], ""
        except (OSError, ValueError) as error:
            self.problem = f"shared.json cannot be read: {error}"

    def _load(self, served, wanted):
        """Give the engine its configuration; sites that it refuses are left out, each alone."""
        proven = [one for one in served if self.proven.get(one[0].reference) == one[0].asked]
        new = [one for one in served if one not in proven]
        self.refused = {}
        try:
            load(self.settings["admin"], wanted)
            taken = served
        except Refused:
            load(self.settings["admin"], configuration(self.settings, proven))
            taken = self._taken(proven, new)
        self.loaded = wanted
        self.proven = {site.reference: site.asked for site, _, _ in taken}

    def _taken(self, good, new):
        """Return the sites that the engine takes: halves are tried, down to the one at fault."""
        if not new:
            return good
        try:
            load(self.settings["admin"], configuration(self.settings, [*good, *new]))
            return [*good, *new]
        except Refused as error:
            if len(new) == 1:
                self.refused[new[0][0].reference] = f"the engine refuses it: {error}"[:500]
                return good
        half = len(new) // 2
        return self._taken(self._taken(good, new[:half]), new[half:])

    def _tell(self, served):
        """Write what became of each site, and of the front end as a whole."""
        sites = [site for site, _, _ in served]
        taken = [site for site in sites if site.reference not in self.refused]
        unmet = self.meetings.unmet({name for site in taken for name in site.domains})
        found = {}
        for site in sites:
            said = [*self.judge.problems[site.reference]]
            if site.reference in self.refused:
                said.append(self.refused[site.reference])
            elif unmet & set(site.domains):
                said.append("its certificate is being made")
            found[site.reference] = {
                "generation": site.generation,
                "ok": not said,
                "message": "; ".join(said)[:500],
            }
        write(self.place / "shared-status.json", found)
        state = self.place / "state.json"
        write(state, {"problem": self.problem, "sites": len(found)})
        # Its age tells the promise whether we still look.
        os.utime(state)


def open_to(settings):
    """Open the ports, and tell the settings by which descriptors the engine finds them.

    They are ours and stay open: the engine would open others for each change, and lose who waits
    at the former ones.
    """
    found, addresses = [], settings["addresses"].split(",")
    for scheme in ("http", "https"):
        settings[f"{scheme}_listeners"] = []
        for address, port in product(addresses, settings[f"{scheme}_ports"]):
            listener = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((address, port))
            listener.listen(BACKLOG)
            listener.set_inheritable(True)
            settings[f"{scheme}_listeners"].append(listener.fileno())
            found.append(listener)
    return found


def bounded(files):
    """Bound the open files of the engine, and have it end when this program is no more."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def settings_of(asked, place):
    """Return the settings, with what follows from them."""
    http, https = [asked["http_port"]], [asked["https_port"]]
    if asked["standard_ports"] == "direct":
        http, https = [*http, 80], [*https, 443]
    return dict(
        asked,
        http_ports=http,
        https_ports=https,
        public_https_port=https[0] if asked["standard_ports"] == "no" else 443,
        listens_on=[*http, *https],
        admin=str(place / "admin.sock"),
        data=str(place / "data" / "engine"),
    )


def entries_of(content):
    """Return the entries of `shared.json`.

    Raises:
        ValueError: it is not what the node writes.
    """
    entries = json.loads(content)
    for one in entries if isinstance(entries, list) else [entries]:
        if not isinstance(one, dict) or not isinstance(one.get("parameters"), dict):
            raise ValueError("an entry has no parameters")
        if not isinstance(one.get("reference"), str) or not isinstance(one.get("generation"), int):
            raise ValueError("an entry has no reference or generation")
    if not isinstance(entries, list):
        raise ValueError("it is no list")
    return entries


def owners_in(path):
    """Return whose each domain is; a file that is none is as good as a new one."""
    try:
        owners = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return owners if isinstance(owners, dict) else {}


def write(path, value):
    """Replace a file as a whole when its content is another."""
    text = json.dumps(value, indent=1, sort_keys=True)
    if path.exists() and path.read_text() == text:
        return
    new = path.with_name(path.name + ".new")
    new.write_text(text)
    new.rename(path)


if __name__ == "__main__":
    # Threads that still look up a name are not waited for.
    os._exit(Front(sys.argv[1], Path(sys.argv[2]).resolve()).run())
