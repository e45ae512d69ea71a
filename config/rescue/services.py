"""Back the Master up into one encrypted file, read it again, and restore it."""

import base64
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connections

from config.rescue import archive, programs
from erp.base.errors import DomainError

ABOUT, KEY, DATABASE, FILES = "about.json", "field-key", "database.dump", "files/"
SUFFIX = ".tenantry"
# Beside the database: documents that were put on the disk. Static files are made anew.
LEFT_OUT = ("static", "backups")


class NoBackupKey(DomainError):
    """TENANTRY_BACKUP_KEY is not set: make one, and keep it where the backups are not."""

    code = "no_backup_key"


class NotEmpty(DomainError):
    """The database has tables already: a backup is restored into an empty one."""

    code = "not_empty"


class OtherKey(DomainError):
    """TENANTRY_FIELD_KEY is not the one that the backup was made with: set that one."""

    code = "other_field_key"


@dataclass(frozen=True, slots=True)
class Made:
    """A backup that was read again to its end."""

    path: Path
    at: datetime
    size: int


def key() -> bytes:
    """Return the key of the backups.

    Raises:
        NoBackupKey: none is set.
    """
    if settings.BACKUP_KEY is None:
        raise NoBackupKey
    return bytes(settings.BACKUP_KEY)


def back_up(directory: Path, *, at: datetime, version: str) -> Made:
    """Write everything into one new file, read it again, and only then give it its name.

    Raises:
        NoBackupKey, NoProgram, ProgramFailed, BadArchive: there is no new backup.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = directory / f"tenantry-{at:%Y%m%dT%H%M%SZ}{SUFFIX}"
    part = path.with_suffix(".part")
    try:
        with open(part, "wb", opener=_private) as file:
            writer = archive.Writer(file, key())
            _write_all(writer, at=at, version=version)
            writer.close()
        verify(part)
        part.rename(path)
    finally:
        part.unlink(missing_ok=True)
    return Made(path, at, path.stat().st_size)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _write_all(writer: archive.Writer, *, at: datetime, version: str) -> None:
    writer.part(ABOUT)
    writer.write(json.dumps({"at": at.isoformat(), "version": version}).encode())
    writer.part(KEY)
    writer.write(base64.urlsafe_b64encode(settings.FIELD_KEY))
    writer.part(DATABASE)
    for piece in programs.dump(connections["owner"].settings_dict):
        writer.write(piece)
    root = Path(settings.DATA_DIR)
    for file in sorted(root.rglob("*")):
        name = file.relative_to(root)
        if name.parts[0] not in LEFT_OUT and file.is_file() and not file.is_symlink():
            writer.part(f"{FILES}{name}")
            with file.open("rb") as content:
                for piece in iter(lambda: content.read(archive.CHUNK), b""):
                    writer.write(piece)


def _parts(path: Path) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Yield each part with its pieces; a part must be read before the next is asked for."""
    with path.open("rb") as file:
        for name, pieces in groupby(archive.read(file, key()), key=lambda pair: pair[0]):
            yield name, (piece for _, piece in pieces)


def verify(path: Path) -> dict[str, Any]:
    """Read a backup to its end, have PostgreSQL read its dump; return what it says of itself.

    Raises:
        NoBackupKey, BadArchive, NoProgram, ProgramFailed: it cannot be restored from.
    """
    about: dict[str, Any] = {}
    found = set()
    for name, pieces in _parts(path):
        found.add(name)
        if name == DATABASE:
            programs.check(pieces)
        elif name == ABOUT:
            about = json.loads(b"".join(pieces))
        else:
            for _ in pieces:
                pass
    if not {ABOUT, KEY, DATABASE} <= found:
        raise archive.BadArchive
    return about


def restore(path: Path) -> dict[str, Any]:
    """Fill the empty database and the directory of files; return what the backup says of itself.

    The whole file is read before anything is written.

    Raises:
        NotEmpty, OtherKey, BadArchive, ProgramFailed: nothing was changed.
    """
    about = verify(path)
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
        if cursor.fetchone()[0]:
            raise NotEmpty
    connections["owner"].close()
    for name, pieces in _parts(path):
        if name == KEY:
            if base64.urlsafe_b64decode(b"".join(pieces)) != settings.FIELD_KEY:
                raise OtherKey
        elif name == DATABASE:
            programs.restore(connections["owner"].settings_dict, pieces)
        elif name.startswith(FILES):
            _put(Path(settings.DATA_DIR), name.removeprefix(FILES), pieces)
        else:
            for _ in pieces:
                pass
    return about


def field_key_of(path: Path) -> str:
    """Return the field key that a backup holds, as `TENANTRY_FIELD_KEY` is written."""
    return next(b"".join(pieces).decode() for name, pieces in _parts(path) if name == KEY)


def _put(root: Path, name: str, pieces: Iterator[bytes]) -> None:
    """Write one file; what is there already stays: it may be newer than the backup."""
    path = (root / name).resolve()
    if not path.is_relative_to(root.resolve()):
        raise archive.BadArchive
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("xb") as file:
            for piece in pieces:
                file.write(piece)
    except FileExistsError:
        for _ in pieces:
            pass


def newest(directory: Path) -> tuple[Path, datetime] | None:
    """Return the newest backup and when it was made, by its name."""
    found = sorted(directory.glob(f"tenantry-*{SUFFIX}"))
    if not found:
        return None
    made = datetime.strptime(found[-1].stem + "+0000", "tenantry-%Y%m%dT%H%M%SZ%z")
    return found[-1], made


def is_due(directory: Path, *, at: datetime) -> bool:
    """Return whether the newest backup is older than a schedule's turn."""
    there = newest(directory)
    return there is None or at - there[1] >= timedelta(hours=settings.BACKUP_HOURS)


def drop_old(directory: Path, *, keep: int) -> None:
    """Keep the newest backups only."""
    for path in sorted(directory.glob(f"tenantry-*{SUFFIX}"))[:-keep]:
        path.unlink(missing_ok=True)
