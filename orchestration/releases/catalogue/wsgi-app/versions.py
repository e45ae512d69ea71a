"""Versions of the application, each in its own directory: fetched, installed, kept, removed."""

import hashlib
import json
import os
import sys
import time

from bounded import Bounds
from failure import Failed
from fetch import fetch
from unpack import remove, root_of

SECONDS = 900
KEPT = 2
KEPT_LOGS = 10
# What makes another version; all else changes how it is run.
NAMED_BY = ("source", "commit", "sha256", "requirements", "prepare")


class Version:
    """One version: its directory, its log, and where its source and Python are."""

    def __init__(self, directory, asked):
        content = json.dumps({name: asked[name] for name in NAMED_BY}, sort_keys=True)
        self.asked = asked
        self.name = hashlib.sha256(content.encode()).hexdigest()[:16]
        self.directory = directory
        self.place = directory / self.name
        self.log = directory / f"{self.name}.log"
        self.label = (asked["commit"] or asked["sha256"])[:12]

    @property
    def root(self):
        """Return the directory that holds the application."""
        return root_of(self.place / "source")

    @property
    def python(self):
        """Return the Python of its virtual environment."""
        return self.place / "venv" / "bin" / "python"

    def is_ready(self):
        """Say whether it was installed to the end."""
        return (self.place / "ready").exists()

    def install(self, environment):
        """Fetch and install it; what was left half is begun anew.

        Raises:
            Failed: says what could not be done; the log has the rest.
        """
        if self.is_ready():
            return
        remove(self.place)
        self.place.mkdir(parents=True)
        self.log.write_text(f"{time.strftime('%F %T')} {self.asked['source']} {self.label}\n")
        bounds = Bounds(self.place, self.log, time.monotonic() + SECONDS)
        try:
            fetch(self.asked, self.place / "source", bounds)
            self._make(bounds, environment)
        except Failed as error:
            with self.log.open("a") as log:
                log.write(f"{error}\n")
            remove(self.place)
            raise
        (self.place / "ready").touch()
        os.utime(self.place)

    def _make(self, bounds, environment):
        """Make the virtual environment, and prepare what the application asks for."""
        plain = {"PATH": environment["PATH"], "HOME": environment["HOME"], "LANG": "C.UTF-8"}
        place = self.place / "venv"
        # Debian's Python has no ensurepip: the system's own pip installs into it.
        made = [sys.executable, "-m", "venv", "--without-pip", str(place)]
        bounds.run(made, directory=self.root, environment=plain, what="making the environment")
        requirements = self.asked["requirements"]
        path = self.root / requirements
        if requirements and (path.exists() or requirements != "requirements.txt"):
            pip = "-m pip --disable-pip-version-check --no-input --python".split()
            command = [sys.executable, *pip, str(self.python), "install", "--no-cache-dir"]
            command += ["--quiet", "--requirement", requirements]
            bounds.run(command, directory=self.root, environment=plain, what="installing")
        if self.asked["prepare"]:
            mine = self.environment(environment)
            command = [*self.asked["prepare"]]
            bounds.run(command, directory=self.root, environment=mine, what="preparing")

    def environment(self, environment):
        """Return the environment in which its programs run."""
        path = f"{self.python.parent}{os.pathsep}{environment['PATH']}"
        return dict(environment, PATH=path, VIRTUAL_ENV=str(self.place / "venv"))


def prune(directory, running):
    """Remove old versions: the one that runs and the one before it stay."""
    places = sorted(
        (path for path in directory.iterdir() if path.is_dir() and path.name != running),
        key=lambda path: path.stat().st_mtime,
    )
    for path in places[: max(0, len(places) - (KEPT - 1))]:
        remove(path)
    logs = sorted(directory.glob("*.log"), key=lambda path: path.stat().st_mtime)
    for path in logs[:-KEPT_LOGS]:
        path.unlink()
