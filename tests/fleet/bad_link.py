"""A bad cable between two bridges: frames come late, and some never.

`bad_link.py TAP TAP MILLISECONDS PERCENT SEED` passes Ethernet frames from one TAP device to the
other and back, as root, with the system's python3, until it is ended. The kernel's own netem does
the same where there is one; many kernels are built without.
"""

import fcntl
import heapq
import os
import random
import select
import struct
import sys
import time

TUNSETIFF = 0x400454CA
IFF_TAP, IFF_NO_PI = 0x0002, 0x1000
LONGEST_FRAME = 65536
# A line holds so many frames; what comes faster is lost, as on a real one.
MOST_WAITING = 2000


def tap(name: str) -> int:
    """Make a TAP device that lives as long as this process."""
    handle = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(handle, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TAP | IFF_NO_PI))
    return handle


def main() -> None:
    one, other = tap(sys.argv[1]), tap(sys.argv[2])
    delay, loss = float(sys.argv[3]) / 1000, float(sys.argv[4]) / 100
    chance = random.Random(int(sys.argv[5]))
    far = {one: other, other: one}
    waiting: list[tuple[float, int, int, bytes]] = []
    number = 0
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while True:
        pause = max(0.0, waiting[0][0] - time.monotonic()) if waiting else None
        ready, _, _ = select.select([one, other], [], [], pause)
        for near in ready:
            frame = received(near)
            number += 1
            if frame and chance.random() >= loss and len(waiting) < MOST_WAITING:
                heapq.heappush(waiting, (time.monotonic() + delay, number, far[near], frame))
        while waiting and waiting[0][0] <= time.monotonic():
            _, _, to, frame = heapq.heappop(waiting)
            sent(to, frame)


def received(handle: int) -> bytes:
    """Return a frame; nothing from a device that is not up yet."""
    try:
        return os.read(handle, LONGEST_FRAME)
    except OSError:
        return b""


def sent(handle: int, frame: bytes) -> None:
    """Send a frame; one that the device does not take is lost."""
    try:
        os.write(handle, frame)
    except OSError:
        return


if __name__ == "__main__":
    main()
