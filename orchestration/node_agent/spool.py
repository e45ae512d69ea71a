"""Samples that the Master has not acknowledged yet: kept in order, numbered once for ever."""

import json
import logging
import os
import threading
import uuid
from datetime import datetime, timedelta

from .home import read_json, write_json

# A week of a hundred instances with three meters, as samples become longer: see `node.STRETCHED`.
MOST = 200000
# While the disk is full they are kept in memory, far longer ones each: see `node.STRETCHED`.
MOST_UNWRITTEN = 20000
# Compacting rewrites the file: not for a handful of lines.
COMPACT_AT = 500


log = logging.getLogger("tenantry")


class Spool:
    """An append-only file of samples; the epoch names this spool, the sequence never goes back."""

    def __init__(self, home):
        # The loop appends while a session acknowledges.
        self.lock = threading.RLock()
        self.unwritten = []
        self.file = home.state / "spool.jsonl"
        self.meta = home.state / "spool.json"
        meta = read_json(self.meta, None)
        if meta is None:
            meta = {"epoch": uuid.uuid4().hex, "acked": 0}
            write_json(self.meta, meta)
        self.epoch, self.acked = meta["epoch"], meta["acked"]
        found, is_whole = self._read()
        self.waiting = [sample for sample in found if sample["seq"] > self.acked]
        last = self.waiting[-1]["seq"] if self.waiting else self.acked
        self.sequence = max(last, meta.get("sequence", 0))
        self.stored = len(self.waiting)
        if not is_whole:
            self._compact()

    def _read(self):
        """Return (what the file holds, whether it was whole): a half-written line never was."""
        if not self.file.exists():
            return [], True
        samples, is_whole = [], True
        with self.file.open("rb") as lines:
            for line in lines:
                try:
                    samples.append(json.loads(line))
                except ValueError:
                    is_whole = False
                else:
                    is_whole = is_whole and line.endswith(b"\n")
        return samples, is_whole

    def append(self, samples):
        """Number samples and put them on disk before anybody sees them.

        What a full disk does not take is kept and put there later. Return how many of the oldest
        had to be given up: the spool never holds more than `MOST`, nor the memory `MOST_UNWRITTEN`.
        """
        with self.lock:
            for sample in samples:
                self.sequence += 1
                self.unwritten.append(dict(sample, seq=self.sequence))
            lost = max(0, len(self.unwritten) - MOST_UNWRITTEN)
            self.unwritten = self.unwritten[lost:]
            return lost + self._write()

    def _write(self):
        """Put on disk what is not there yet, all of it or nothing."""
        if not self.unwritten or not self._added():
            return 0
        self.waiting.extend(self.unwritten)
        self.stored += len(self.unwritten)
        self.unwritten = []
        lost = max(0, len(self.waiting) - MOST)
        if lost:
            self.waiting = self.waiting[lost:]
            self._compact()
        return lost

    def _added(self):
        whole = self.file.stat().st_size if self.file.exists() else 0
        try:
            with self.file.open("ab") as file:
                for sample in self.unwritten:
                    file.write(json.dumps(sample).encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            if self.file.exists():
                os.truncate(str(self.file), whole)
            log.warning("samples wait in memory: %s", error)
            return False
        return True

    def shift(self, seconds, *, after):
        """Put right the times of the samples beyond a number: nobody has stored one of them."""
        with self.lock:
            self.unwritten = [_shifted(one, seconds) for one in self.unwritten]
            if any(one["seq"] > after for one in self.waiting):
                self.waiting = [
                    _shifted(one, seconds) if one["seq"] > after else one for one in self.waiting
                ]
                self._compact()

    def acknowledge(self, epoch, sequence):
        """Forget what the Master has stored."""
        with self.lock:
            if epoch != self.epoch or sequence <= self.acked:
                return
            self.acked = min(sequence, self.sequence)
            self.waiting = [sample for sample in self.waiting if sample["seq"] > self.acked]
            self._remember()

    def _remember(self):
        """Write down what is acknowledged; a full disk only makes the Master hear it again."""
        try:
            meta = {"epoch": self.epoch, "acked": self.acked, "sequence": self.sequence}
            write_json(self.meta, meta)
            if self.stored - len(self.waiting) > COMPACT_AT:
                self._compact()
        except OSError as error:
            log.warning("what is acknowledged is not written down: %s", error)

    def _compact(self):
        part = self.file.with_suffix(".new")
        with part.open("wb") as file:
            for sample in self.waiting:
                file.write(json.dumps(sample).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(str(part), str(self.file))
        self.stored = len(self.waiting)


def _shifted(sample, seconds):
    """Return a sample whose times are some seconds later."""
    by = timedelta(seconds=seconds)
    times = {key: datetime.fromisoformat(sample[key]) + by for key in ("from", "to")}
    return dict(sample, **{key: time.isoformat() for key, time in times.items()})
