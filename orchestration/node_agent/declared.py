"""Meters that a release declares: a command or a file of the partition that gives a number."""

import tempfile
from decimal import Decimal, InvalidOperation

from . import promises
from .backoff import Backoff
from .clock import clock
from .home import read_json, write_json

SECONDS = 5
PERIOD_SECONDS = 60
TOLD_AFTER = 3
# A number, and the name of this life of a counter.
MOST_BYTES = 200
TOO_MUCH = Decimal(10) ** 15
SMALLEST = Decimal("0.000000001")


class BadReading(Exception):
    """A meter gave no number that could be usage."""


class Looks:
    """When each declared meter of one partition is read again, and what was last told of it."""

    def __init__(self):
        self.at = {}
        self.backoffs = {}
        self.told = {}

    def is_due(self, meter):
        """Return whether a meter is to be read now: one that fails is tried later and later."""
        name = meter["name"]
        if name in self.backoffs:
            return self.backoffs[name].is_due()
        period = meter.get("period_seconds", PERIOD_SECONDS)
        return name not in self.at or clock.monotonic() - self.at[name] >= period

    def read(self, meter, place):
        """Return (what was found or None, a reason that is to be told now or "").

        What has only just begun may have nothing to say yet: only the third failure is told.
        """
        name = meter["name"]
        self.at[name] = clock.monotonic()
        try:
            found = read(meter, place)
        except (BadReading, OSError, ValueError) as error:
            backoff, said = self.backoffs.setdefault(name, Backoff()), f"{name}: {error}"
            backoff.failed(said)
            if backoff.count < TOLD_AFTER or self.told.get(name) == said:
                return None, ""
            self.told[name] = said
            return None, said
        self.backoffs.pop(name, None)
        self.told.pop(name, None)
        return found, ""


def read(meter, place):
    """Return (number, life): read by the partition's own user, in its time, within its bound.

    Raises:
        BadReading: says why the meter gave no number.
    """
    seconds = meter.get("seconds", SECONDS)
    command = meter.get("command")
    if command is None:
        # As its user would: a link to what is not theirs leads nowhere, a pipe ends in time.
        command = [
            "head",
            "-c",
            str(MOST_BYTES + 1),
            "{}/{}".format(place.directory, meter["file"]),
        ]
    with tempfile.TemporaryFile() as said:
        code = promises.ended(command, place, meter.get("environment", {}), said, seconds)
        said.seek(0)
        text = said.read(MOST_BYTES + 1).decode("utf-8", "replace").strip()
    if code is None:
        raise BadReading(f"took longer than {seconds} s")
    if code:
        raise BadReading(f"ended with {code}: {text[:80]}")
    return parsed(text)


def parsed(text):
    """Return (number, life) of what a meter gave: a number, and for a counter a word if it likes.

    Raises:
        BadReading: it is something else.
    """
    words = text.split()
    if not 1 <= len(words) <= 2 or len(text) > MOST_BYTES:
        raise BadReading(f"gave no number: {text[:40]!r}")
    try:
        number = Decimal(words[0])
    except InvalidOperation:
        raise BadReading(f"gave no number: {text[:40]!r}")
    if not number.is_finite() or not 0 <= number < TOO_MUCH:
        raise BadReading(f"gave {words[0][:40]}, which is no usage")
    return number.quantize(SMALLEST), words[1] if len(words) == 2 else ""


class Counters:
    """What counters stood at when their last sample was numbered, through every restart.

    The file is written before the samples are, with what stood in it before: which of both counts
    tells the number of the newest sample that is on disk. So nothing is counted twice or lost.
    """

    def __init__(self, home, sequence):
        self.file = home.state / "counters.json"
        kept = read_json(self.file, {"sequence": 0, "now": {}, "before": {}})
        self.last = kept["now"] if kept["sequence"] <= sequence else kept["before"]
        self.written = dict(self.last)

    def used(self, key, number, life):
        """Return what was counted since the reading before; the first one is where it begins.

        A number that is lower, or another life, is a counter that began again at nothing.
        """
        before = self.last.get(key)
        self.last[key] = [str(number), life]
        if before is None:
            return Decimal(0)
        is_same = before[1] == life and number >= Decimal(before[0])
        return number - Decimal(before[0]) if is_same else number

    def forget(self, keys):
        """Keep only the counters of these partitions and instances."""
        for key in [key for key in self.last if key.rsplit("/", 1)[0] not in keys]:
            del self.last[key]

    def keep(self, sequence):
        """Write what the samples up to this number have counted; a full disk keeps the old file."""
        if self.last == self.written:
            return
        kept = {"sequence": sequence, "now": self.last, "before": self.written}
        try:
            write_json(self.file, kept)
        except OSError:
            return
        self.written = dict(self.last)
