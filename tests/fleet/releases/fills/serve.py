"""Write one file after the other, as fast as a disk would; go on however it goes."""

import contextlib
import itertools
import sys
import time
from pathlib import Path

for number in itertools.count():
    with contextlib.suppress(OSError):
        Path(sys.argv[1], str(number)).write_bytes(bytes(2**20))
    time.sleep(0.005)
