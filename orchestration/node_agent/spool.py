"""Samples that the Master has not acknowledged yet: kept in order, numbered once for ever."""

import json
import os
import uuid

from .home import read_json, write_json

# A week of a hundred instances with three meters, as samples become longer: see `node.STRETCHED`.
MOST = 200000
# Compacting rewrites the file: not for a handful of lines.
COMPACT_AT = 500


class Spool:
    """An append-only file of samples; the epoch names this spool, the sequence never goes back."""

    def __init__(self, home):
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

        Return how many of the oldest had to be given up: the spool never holds more than `MOST`.
        """
        numbered = []
        for sample in samples:
            self.sequence += 1
            numbered.append(dict(sample, seq=self.sequence))
        if not numbered:
            return 0
        with self.file.open("ab") as file:
            for sample in numbered:
                file.write(json.dumps(sample).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        self.waiting.extend(numbered)
        self.stored += len(numbered)
        lost = max(0, len(self.waiting) - MOST)
        if lost:
            self.waiting = self.waiting[lost:]
            self._compact()
        return lost

    def acknowledge(self, epoch, sequence):
        """Forget what the Master has stored."""
        if epoch != self.epoch or sequence <= self.acked:
            return
        self.acked = min(sequence, self.sequence)
        self.waiting = [sample for sample in self.waiting if sample["seq"] > self.acked]
        meta = {"epoch": self.epoch, "acked": self.acked, "sequence": self.sequence}
        write_json(self.meta, meta)
        if self.stored - len(self.waiting) > COMPACT_AT:
            self._compact()

    def _compact(self):
        part = self.file.with_suffix(".new")
        with part.open("wb") as file:
            for sample in self.waiting:
                file.write(json.dumps(sample).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(str(part), str(self.file))
        self.stored = len(self.waiting)
