"""Have PostgreSQL copy its cluster while it runs: `save.py PROGRAMS PLACE ADDRESS PORT`."""

import shutil
import subprocess
import sys
from pathlib import Path

USER = "tenantry_backup"


def main(programs, place, address, port):
    """Make the copy, with all that is needed to start from it; a copy of before goes."""
    shutil.rmtree(place, ignore_errors=True)
    words = "--no-password --checkpoint=fast --wal-method=stream --no-sync".split()
    command = [programs / "pg_basebackup", *words, f"--username={USER}"]
    where = [f"--host={address}", f"--port={port}", f"--pgdata={place / 'cluster'}"]
    return subprocess.run([*command, *where], stdin=subprocess.DEVNULL).returncode


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:]))
