"""Instances without a partition: entries in a file of the one on which they stand."""

import json

from .home import read_plain, write_bytes

FILE = "shared.json"
STATUS = "shared-status.json"
LONGEST_STATUS = 1024 * 1024
LONGEST_MESSAGE = 300


class Entries:
    """What is shared on one partition, and what its program says of each."""

    def __init__(self, path):
        self.path = path
        self.wanted = None

    def write(self, wanted, owner):
        """Put the entries where the program finds them; a file that is as it should be stays."""
        listed = [
            {
                "reference": one["uid"],
                "generation": one["generation"],
                "requested_state": one["requested_state"],
                "parameters": one["parameters"],
            }
            for one in wanted
        ]
        content = json.dumps(listed, sort_keys=True).encode()
        target = self.path / FILE
        if read_plain(target, len(content) + 1) != content:
            write_bytes(target, content, 0o600, owner)
        self.wanted = wanted

    def report(self):
        """Return one line per entry: `ok` is None until the program has spoken of it."""
        said = _status(self.path / STATUS) if self.wanted else {}
        return [
            dict(_line(said.get(one["uid"]), one), uid=one["uid"], generation=one["generation"])
            for one in self.wanted or ()
        ]


def _line(said, entry):
    """Return what was said of an entry as it is now; what was said of another is past."""
    if not isinstance(said, dict) or not isinstance(said.get("ok"), bool):
        return {"ok": None, "message": ""}
    if said.get("generation") != entry["generation"]:
        return {"ok": None, "message": ""}
    return {"ok": said["ok"], "message": str(said.get("message", ""))[:LONGEST_MESSAGE]}


def _status(path):
    """Return what the program wrote; its file is a stranger's, whatever it is."""
    try:
        said = json.loads(read_plain(path, LONGEST_STATUS) or b"{}")
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}
