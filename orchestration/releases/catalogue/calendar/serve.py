"""Serve calendars and address books: `serve.py LIBRARIES CONFIGURATION ADDRESSES PORT`."""

import sys

sys.path.insert(0, sys.argv[1])

from radicale.__main__ import run

if __name__ == "__main__":
    configuration, addresses, port = sys.argv[2:]
    hosts = [f"[{one}]:{port}" if ":" in one else f"{one}:{port}" for one in addresses.split(",")]
    sys.argv[1:] = ["--config", configuration, "--server-hosts", ",".join(hosts)]
    run()
