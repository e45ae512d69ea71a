"""Count the requests of each site, from the accesses that the engine prints, for their bills."""

import json
import os
import re
import threading

_ACCESS = re.compile(rb'"logger":"http\.log\.access\.([A-Za-z0-9_-]{1,60})"')
_SIZE = re.compile(rb'"size":([0-9]+)')


class Counts:
    """Requests and bytes answered, by site; kept over restarts, and never smaller than before."""

    def __init__(self, directory):
        self.directory = directory
        self.path = directory / "all.json"
        directory.mkdir(parents=True, exist_ok=True)
        self.known = json.loads(self.path.read_text()) if self.path.exists() else {}
        self.lock = threading.Lock()
        self.changed = set()
        self.reader = None
        if not (directory / "requests").exists():
            _replace(directory / "requests", "0")

    def read(self, stream):
        """Count what the engine prints, until it ends."""
        self.reader = threading.Thread(target=self._read, args=(stream,), daemon=True)
        self.reader.start()

    def _read(self, stream):
        for line in stream:
            self.add(line)

    def add(self, line):
        """Count one access; any other line is none."""
        access, size = _ACCESS.search(line), _SIZE.search(line)
        if access is None:
            return
        with self.lock:
            site = access.group(1).decode()
            count = self.known.setdefault(site, {"requests": 0, "bytes": 0})
            count["requests"] += 1
            count["bytes"] += int(size.group(1)) if size else 0
            self.changed.add(site)

    def save(self):
        """Write what changed: all in one file, and a number alone for each meter."""
        with self.lock:
            if not self.changed:
                return
            changed, self.changed = self.changed, set()
            text = json.dumps(self.known)
            requests = {site: self.known[site]["requests"] for site in changed}
            total = sum(one["requests"] for one in self.known.values())
        _replace(self.path, text)
        _replace(self.directory / "requests", str(total))
        for site, number in requests.items():
            _replace(self.directory / f"{site}.requests", str(number))

    def finish(self):
        """Count what the engine printed at its end."""
        self.reader.join(5)
        self.save()


def _replace(path, text):
    """Write a file as a whole: after a power cut it is the one or the other."""
    new = path.with_name(path.name + ".new")
    with new.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.rename(path)
