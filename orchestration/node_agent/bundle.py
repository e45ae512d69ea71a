"""Pack the agent into the one zip that is shipped to nodes; runs on the Master."""

import hashlib
import io
import zipfile
from functools import cache
from pathlib import Path

import supervisor

_MAIN = "import sys\nfrom node_agent.main import main\nsys.exit(main(sys.argv[0]))\n"
_HERE = Path(__file__).parent
# Zips carry times: the same content must give the same bytes.
_EPOCH = (1980, 1, 1, 0, 0, 0)


@cache
def bundle() -> bytes:
    """Return the zip: the agent, and supervisor which is unpacked beside it on the node."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        _add(archive, "__main__.py", _MAIN.encode())
        for path in sorted(_HERE.glob("*.py")):
            if path.name != Path(__file__).name:
                _add(archive, f"node_agent/{path.name}", path.read_bytes())
        source = Path(supervisor.__file__).parent
        for path in sorted(source.rglob("*")):
            if path.suffix in {".py", ".txt"} and "tests" not in path.parts:
                name = path.relative_to(source.parent).as_posix()
                _add(archive, name, path.read_bytes())
    return buffer.getvalue()


@cache
def version() -> str:
    """Return the version of the agent that this Master ships: the hash of the zip."""
    return hashlib.sha256(bundle()).hexdigest()


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    entry = zipfile.ZipInfo(name, _EPOCH)
    entry.external_attr = 0o644 << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(entry, content)
