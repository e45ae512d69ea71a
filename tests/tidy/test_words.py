"""The repository speaks of the product alone: no machine paths, no registries, no secrets."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FORBIDDEN = [
    "/wo" + r"rk/",
    "/ve" + r"nv/",
    "pypi" + r"\.org",
    "registry\\." + "npmjs",
    "index-" + "url",
    "BEGIN (RSA|OPENSSH|EC) " + "PRIVATE KEY",
]


def test_no_file_names_a_machine_a_registry_or_a_key() -> None:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    pattern = re.compile("|".join(FORBIDDEN))
    found = []
    for name in listed:
        path = ROOT / name
        if path.is_file() and path.suffix not in {".png", ".woff2", ".pdf"}:
            for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
                if pattern.search(line):
                    found.append(f"{name}:{number}")
    assert found == []
