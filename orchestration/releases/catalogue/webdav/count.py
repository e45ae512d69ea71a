"""Print how many files a directory holds: `count.py DIRECTORY`."""

import os
import sys

MOST = 1000000


def count(path):
    """Return the files below a directory, up to a bound."""
    found = 0
    for _, _, files in os.walk(path):
        found += len(files)
        if found >= MOST:
            return MOST
    return found


if __name__ == "__main__":
    sys.stdout.write(f"{count(sys.argv[1])}\n")
