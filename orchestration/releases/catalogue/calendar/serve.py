"""Serve calendars and address books: `serve.py LIBRARIES CONFIGURATION`."""

import sys

sys.path.insert(0, sys.argv[1])

from radicale.__main__ import run

if __name__ == "__main__":
    sys.argv[1:] = ["--config", sys.argv[2]]
    run()
