"""PostgreSQL and the queue of the embedded system, really started."""

import os
import pwd
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest

from config.embedded import node, postgres, valkey
from config.embedded.places import ROOT, Places, places
from config.embedded.processes import stop
from tests.embedded.waiting import alive, until

ENV = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}


def forget(here: Places) -> None:
    """Remove what stands outside of the tests' directory (as root, the server's files)."""
    if here.servers != here.var:
        shutil.rmtree(here.servers)


@pytest.fixture
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Places]:
    made = places(tmp_path_factory.mktemp("embedded") / "var")
    yield made
    forget(made)


def ask(here: Places, role: str, question: str) -> object:
    connection = psycopg2.connect(host=str(here.sockets), user=role, dbname=postgres.DATABASE)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(question)
            row = cursor.fetchone() if cursor.description else None
            return row and row[0]
    finally:
        connection.close()


@pytest.fixture
def database(here: Places) -> Iterator[subprocess.Popen[bytes]]:
    process = postgres.start(here, ENV)
    yield process
    stop(process, how=signal.SIGINT, seconds=10)


@pytest.mark.usefixtures("database")
def test_the_application_role_is_neither_superuser_nor_owner(here: Places) -> None:
    rights = "SELECT rolsuper OR rolcreatedb OR rolcreaterole OR rolbypassrls FROM pg_roles"
    assert ask(here, postgres.APP, f"{rights} WHERE rolname = current_user") is False
    owner = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()"
    assert ask(here, postgres.APP, owner) == postgres.OWNER


@pytest.mark.usefixtures("database")
def test_the_server_has_no_tcp_port_and_trusts_no_other_user(here: Places) -> None:
    assert ask(here, postgres.APP, "SHOW listen_addresses") == ""
    assert (here.postgres / "pg_hba.conf").read_text() == "local all all peer map=embedded\n"
    if os.getuid() == 0:
        code = f"import psycopg2; psycopg2.connect(host={str(here.sockets)!r}, user='postgres')"
        done = subprocess.run(
            ["setpriv", "--reuid=65534", "--clear-groups", sys.executable, "-c", code],
            capture_output=True,
            check=False,
            timeout=20,
        )
        assert b"Peer authentication failed" in done.stderr


def test_what_was_committed_outlives_sigkill_of_the_server(
    here: Places, database: subprocess.Popen[bytes]
) -> None:
    ask(here, postgres.OWNER, "CREATE TABLE kept AS SELECT 42 AS answer")
    database.kill()
    database.wait(5)

    def restarted() -> bool:
        try:
            again.append(postgres.start(here, ENV))
        except RuntimeError:
            return False
        return True

    again: list[subprocess.Popen[bytes]] = []
    until(restarted)
    assert ask(here, postgres.OWNER, "SELECT answer FROM kept") == 42
    stop(again[0], how=signal.SIGINT, seconds=10)


def test_a_server_left_by_a_crashed_run_is_ended_first(
    here: Places, database: subprocess.Popen[bytes]
) -> None:
    again = postgres.start(here, ENV)
    assert database.wait(5) is not None
    assert ask(here, postgres.APP, "SELECT 1") == 1
    stop(again, how=signal.SIGINT, seconds=10)


def test_the_id_of_a_dead_server_that_another_program_has_now_does_not_matter(
    here: Places, database: subprocess.Popen[bytes]
) -> None:
    stop(database, how=signal.SIGINT, seconds=10)
    (here.postgres / "postmaster.pid").write_text(f"{os.getpid()}\n")
    again = postgres.start(here, ENV)
    assert ask(here, postgres.APP, "SELECT 1") == 1
    stop(again, how=signal.SIGINT, seconds=10)


def test_a_path_too_long_for_a_socket_is_no_obstacle(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    here = places(tmp_path_factory.mktemp("long") / ("a-very-long-name" * 6) / "var")
    process = valkey.start(here, ENV)
    assert len(os.fsencode(here.sockets / ".s.PGSQL.5432")) <= 107
    assert (here.sockets / "redis.sock").is_socket()
    stop(process, how=signal.SIGTERM, seconds=5)
    (here.sockets / "redis.sock").unlink(missing_ok=True)
    here.sockets.rmdir()
    forget(here)


@pytest.fixture(params=["OpenSSH", "the stand-in"])
def local_node(
    request: pytest.FixtureRequest, here: Places, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Places]:
    if request.param == "the stand-in":
        monkeypatch.setattr(node, "find_sshd", lambda: None)
    elif node.find_sshd() is None:
        pytest.skip("needs openssh-server")
    process = node.start(here, ENV | {"PYTHONPATH": str(ROOT)})
    yield here
    stop(process, how=signal.SIGTERM, seconds=5)


def over_ssh(made: node.LocalNode, place: Path, command: str, given: str = "") -> tuple[int, str]:
    key, known = place / "key", place / "known"
    key.touch(mode=0o600)
    key.write_text(made.private_key)
    known.write_text(f"[{made.host}]:{made.port} {made.host_key}\n")
    options = [f"UserKnownHostsFile={known}", "StrictHostKeyChecking=yes", "BatchMode=yes"]
    ssh = ["ssh", "-i", str(key), "-p", str(made.port), "-F", "none"]
    ssh += [part for option in options for part in ("-o", option)]
    done = subprocess.run(
        [*ssh, f"{made.user}@{made.host}", command],
        input=given,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_the_one_time_credential_opens_the_local_node(local_node: Places, tmp_path: Path) -> None:
    made = node.one_time_credential(local_node)
    assert over_ssh(made, tmp_path, "python3 -m pip --version")[0] == 0
    assert over_ssh(made, tmp_path, "cat; exit 7", "x" * 300_000) == (7, "x" * 300_000)


def test_a_replaced_credential_opens_nothing(local_node: Places, tmp_path: Path) -> None:
    old = node.one_time_credential(local_node)
    node.one_time_credential(local_node)
    assert over_ssh(old, tmp_path, "echo in")[0] == 255


def test_a_key_with_a_forced_command_runs_nothing_else(local_node: Places, tmp_path: Path) -> None:
    made = node.one_time_credential(local_node)
    keys = Path(made.authorized_keys)
    keys.write_text(f'restrict,command="echo forced; cat" {keys.read_text()}')
    assert over_ssh(made, tmp_path, "echo other", "in") == (0, "forced\nin")


SYSTEM = """
import sys
from config.embedded.__main__ import main
sys.argv = ["x", "with-servers", sys.executable, "-c", "import time; print('up', flush=True); "
            "time.sleep(600)"]
sys.exit(main())
"""


def start_system(var: Path, *, user: str | None = None) -> subprocess.Popen[str]:
    outer = {name: value for name, value in os.environ.items() if not name.endswith("_URL")}
    home = str(var.parent)
    return subprocess.Popen(
        [sys.executable, "-c", SYSTEM],
        env=outer | {"TENANTRY_VAR": str(var), "PYTHONPATH": str(ROOT), "HOME": home},
        stdout=subprocess.PIPE,
        text=True,
        user=user,
        group=pwd.getpwnam(user).pw_gid if user else None,
        extra_groups=[] if user else None,
    )


def await_up(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if line == "up\n":
            return
    raise AssertionError(f"it ended with {process.wait(5)}")


def test_the_servers_are_gone_within_five_seconds_of_sigkill(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    var = tmp_path_factory.mktemp("system") / "var"
    process = start_system(var)
    await_up(process)
    pid = int((places(var / "test").postgres / "postmaster.pid").read_text().split()[0])
    assert alive(pid)
    process.kill()
    process.wait(5)
    until(lambda: not alive(pid), seconds=5)
    forget(places(var / "test"))


def nobody_may_use(path: Path) -> bool:
    """Return whether the user may read a file: an interpreter below /root is closed to it."""
    tried = subprocess.run(["test", "-r", str(path)], user="nobody", extra_groups=[], check=False)
    return tried.returncode == 0


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_it_runs_as_a_normal_user_too(tmp_path_factory: pytest.TempPathFactory) -> None:
    needed = [Path(sys.executable).resolve(), Path(os.__file__), ROOT / "manage.py"]
    closed = [str(path) for path in needed if not nobody_may_use(path)]
    if closed:
        pytest.skip(f"NOT TRIED AS A NORMAL USER: closed to other users: {', '.join(closed)}")
    base = Path("/var/tmp") / f"tenantry-user-test-{os.getpid()}"
    base.mkdir()
    os.chown(base, 65534, -1)
    try:
        process = start_system(base / "var", user="nobody")
        await_up(process)
        owner = (base / "var" / "test" / "postgres").stat().st_uid
        process.terminate()
        assert (owner, process.wait(20)) == (65534, 130)
    finally:
        subprocess.run(["rm", "-rf", base], check=True, timeout=20)
