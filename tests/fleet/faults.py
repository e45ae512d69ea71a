"""What goes wrong with a host: a bad cable, a full disk, a clock that is wrong."""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.fleet.fleet import Host, _ip

BAD_LINK = Path(__file__).with_name("bad_link.py")
_WRONG_CLOCK = """\
import time
right = time.time
def wrong():
    with open("/srv/wrong-by") as file:
        return right() + float(file.read() or 0)
time.time = wrong
"""


@contextlib.contextmanager
def bad_link(host: Host, *, delay_ms: float = 150, loss_percent: float = 5) -> Iterator[None]:
    """Put a cable on which every frame takes so long each way, and some are lost."""
    inner, near, far = (f"{host.link}{end}" for end in "bxy")
    command = ["/usr/bin/python3", str(BAD_LINK), near, far, str(delay_ms), str(loss_percent), "7"]
    # Who is killed with us leaves no cable behind.
    relay = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *command], stdout=subprocess.PIPE)
    try:
        assert relay.stdout is not None
        assert relay.stdout.readline() == b"ready\n"
        _ip("link", "add", inner, "type", "bridge")
        _ip("link", "set", far, "master", host.bridge, "up")
        _ip("link", "set", near, "master", inner, "up")
        _ip("link", "set", inner, "up")
        _ip("link", "set", host.link, "master", inner)
        yield
    finally:
        _ip("link", "set", host.link, "master", host.bridge, check=False)
        relay.kill()
        relay.wait(10)
        _ip("link", "del", inner, check=False)


@contextlib.contextmanager
def full_disk(host: Host) -> Iterator[None]:
    """Leave not one byte free on the host's disk."""
    host.run("cat /dev/zero > /srv/filler", check=False)
    try:
        yield
    finally:
        host.run("rm -f /srv/filler")


def set_clock(host: Host, *, wrong_by: int) -> None:
    """Set the clock that root's Python programs read, also in those that run already."""
    host.run(f"echo {wrong_by} > /srv/new && mv /srv/new /srv/wrong-by")
    place = host.run("python3 -m site --user-site", check=False).strip()
    host.run(f"mkdir -p {place} && cat > {place}/usercustomize.py << 'END'\n{_WRONG_CLOCK}END")
