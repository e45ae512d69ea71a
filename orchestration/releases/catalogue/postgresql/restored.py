"""Put what a running PostgreSQL was saved as in its place: `restored.py SAVED DATA`.

What was saved at rest is in its place already.
"""

import shutil
import sys
from pathlib import Path


def main(saved, data):
    """Move the cluster; done twice it changes nothing."""
    if not (saved / "cluster").is_dir():
        return
    data.mkdir(exist_ok=True)
    shutil.rmtree(data / "cluster", ignore_errors=True)
    (saved / "cluster").rename(data / "cluster")
    (data / "cluster").chmod(0o700)
    shutil.rmtree(saved)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
