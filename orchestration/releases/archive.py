"""Pack a release's directory into one archive, the same bytes for the same content."""

import gzip
import hashlib
import io
import tarfile
import zlib
from pathlib import Path

from erp.base.errors import DomainError

LARGEST_BYTES = 2 * 1024 * 1024
MOST_FILES = 500
LARGEST_UNPACKED = 20 * 1024 * 1024


class BadRelease(DomainError):
    """The directory is not a software release."""

    code = "bad_release"


def pack(directory: Path) -> bytes:
    """Return the directory as tar.gz; owners, times and order do not count.

    Raises:
        BadRelease: a link or special file, or more than the bounds allow.
    """
    buffer = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for path in _files(directory):
            _add(tar, path, name=path.relative_to(directory).as_posix())
    archive = buffer.getvalue()
    if len(archive) > LARGEST_BYTES:
        raise BadRelease(f"The release is {len(archive)} bytes packed; at most {LARGEST_BYTES}.")
    return archive


def unpack(archive: bytes, into: Path) -> None:
    """Unpack a tar.gz of a release into an empty directory, within the bounds of `pack`.

    Raises:
        BadRelease: it is no such archive, leads outside, or is more than the bounds allow.
    """
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
            total = 0
            for number, entry in enumerate(tar):
                total += entry.size
                if number >= MOST_FILES or total > LARGEST_UNPACKED:
                    raise BadRelease(f"At most {MOST_FILES} files, {LARGEST_UNPACKED} bytes.")
                if not (entry.isfile() or entry.isdir()):
                    raise BadRelease(f"{entry.name} is a link or a special file.")
                tar.extract(entry, into, filter="data")
    except (tarfile.TarError, EOFError, OSError, zlib.error, UnicodeError) as error:
        raise BadRelease(f"This is no tar.gz of a release: {error}.") from error


def uid_of(archive: bytes) -> str:
    """Return the name of the content: SHA-256 in hex."""
    return hashlib.sha256(archive).hexdigest()


def _files(directory: Path) -> list[Path]:
    found = [path for path in sorted(directory.rglob("*")) if not path.is_dir()]
    files = [path for path in found if "__pycache__" not in path.parts]
    for path in files:
        if path.is_symlink() or not path.is_file():
            raise BadRelease(f"{path.name} is a link or a special file: put a real file there.")
    if len(files) > MOST_FILES:
        raise BadRelease(f"The release has {len(files)} files; at most {MOST_FILES}.")
    return files


def _add(tar: tarfile.TarFile, path: Path, *, name: str) -> None:
    content = path.read_bytes()
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    entry.mode = 0o755 if path.stat().st_mode & 0o100 else 0o644
    tar.addfile(entry, io.BytesIO(content))
