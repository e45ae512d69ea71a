"""How many bytes each partition sends and receives over the network, counted by nftables.

A connection is marked with its partition when it comes in at a port of the partition, or when a
process of the partition's user sends the first packet of it; every packet of a marked connection
counts, headers included. What stays on the machine does not. Connections that somebody else marks
keep their mark, and are not counted.
"""

import json
import os
import pwd
import shutil
import subprocess

from .clock import clock

READ_SECONDS = 10
COMMAND_SECONDS = 10
# A mark is this and the number of the user: unlikely to be anybody else's.
MARK = 0x54000000
MOST_USERS = 0x00FFFFFF
METERS = {"in": "network_in_gib", "out": "network_out_gib"}
_FRAME = """
add table inet {table}
add map inet {table} users {{ type uid : mark ; }}
add map inet {table} ports {{ type inet_service : mark ; flags interval ; }}
add map inet {table} in {{ type mark : counter ; }}
add map inet {table} out {{ type mark : counter ; }}
add chain inet {table} receive {{ type filter hook input priority -150 ; policy accept ; }}
add chain inet {table} send {{ type filter hook output priority -150 ; policy accept ; }}
flush chain inet {table} receive
flush chain inet {table} send
flush map inet {table} users
flush map inet {table} ports
flush map inet {table} in
flush map inet {table} out
add rule inet {table} receive iifname "lo" return
add rule inet {table} receive ct mark 0 ct mark set th dport map @ports
add rule inet {table} receive counter name ct mark map @in
add rule inet {table} send oifname "lo" return
add rule inet {table} send ct mark 0 ct mark set meta skuid map @users
add rule inet {table} send counter name ct mark map @out
"""


class Traffic:
    """The counters of this machine; `problem` says why there are none, or nothing."""

    def __init__(self, name):
        self.table = name.replace("-", "_")
        self.problem = self._found_problem()
        self.places = None
        self.read_at = None
        self.told = ""

    def _found_problem(self):
        if os.geteuid() != 0:
            return "not counted: the agent does not run as root"
        if not shutil.which("nft", path=_path()):
            return "not counted: there is no nft (Debian's package nftables)"
        try:
            _nft("list", "tables")
        except (OSError, subprocess.SubprocessError) as error:
            return _in_words(error)
        return ""

    @property
    def accuracy(self):
        """Return how the figure is counted, in short."""
        return self.problem or "nftables"

    def look(self, places):
        """Return ({partition: (bytes received, bytes sent)} or {} when not due, what went wrong).

        The numbers count since the machine began. What went wrong is said once, until it is over.

        Args:
            places: {partition: (user's name, first port, number of ports)} of the whole node.
        """
        if self.problem or not places or not self._is_due():
            return {}, ""
        self.read_at = clock.monotonic()
        try:
            if places != self.places:
                _nft("-f", "-", commands=self._rules(places))
                self.places = dict(places)
            found, self.told = self._numbers(), ""
            return found, ""
        except (OSError, LookupError, ValueError, subprocess.SubprocessError) as error:
            # What somebody took away is set up again by the next look.
            self.places = None
            said = _in_words(error)
            is_told, self.told = self.told == said, said
            return {}, "" if is_told else said

    def _is_due(self):
        return self.read_at is None or clock.monotonic() - self.read_at >= READ_SECONDS

    def _rules(self, places):
        """Return the commands that count just these partitions; counters go on where they are."""
        lines = [_FRAME.format(table=self.table)]
        for partition, (user, first, count) in sorted(places.items()):
            mark = MARK + min(pwd.getpwnam(user).pw_uid, MOST_USERS)
            name = partition.replace("-", "_")
            for way in METERS:
                lines.append(f"add counter inet {self.table} {name}_{way}")
                lines.append(f'add element inet {self.table} {way} {{ {mark} : "{name}_{way}" }}')
            lines.append(f"add element inet {self.table} users {{ {mark - MARK} : {mark} }}")
            lines.append(
                f"add element inet {self.table} ports {{ {first}-{first + count - 1} : {mark} }}"
            )
        return "\n".join(lines) + "\n"

    def _numbers(self):
        found = json.loads(_nft("-j", "list", "counters", "table", "inet", self.table))
        numbers = {
            one["counter"]["name"]: one["counter"]["bytes"]
            for one in found["nftables"]
            if "counter" in one
        }
        return {
            partition: tuple(
                numbers.get(f"{partition.replace('-', '_')}_{way}", 0) for way in METERS
            )
            for partition in self.places
        }


def _nft(*arguments, commands=""):
    """Run nft; of commands that it is given it carries out all or none. Return what it says."""
    done = subprocess.run(
        ["nft", *arguments],
        input=commands.encode(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        timeout=COMMAND_SECONDS,
        env=dict(os.environ, PATH=_path()),
    )
    if done.returncode:
        raise OSError(done.stderr.decode("utf-8", "replace").strip()[:200])
    return done.stdout.decode()


def _path():
    """Cron and SSH give a path without the administrator's programs."""
    return os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin"


def _in_words(error):
    return f"not counted: nft says {error}"[:200]
