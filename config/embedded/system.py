"""Which services make up the embedded system, in the order in which they start."""

import os
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from config.embedded import node, postgres, valkey
from config.embedded.places import ROOT, Places
from config.embedded.processes import await_ready, spawn
from config.embedded.supervisor import Service

WEB_SECONDS = 60


def servers(places: Places, env: Mapping[str, str], *, durable: bool = True) -> list[Service]:
    """Return PostgreSQL and the queue, each unless the environment names one."""
    found = []
    if "DATABASE_URL" not in os.environ:
        start = partial(postgres.start, places, env, durable=durable)
        # SIGINT: a fast shutdown; SIGTERM would wait for the clients.
        found.append(Service("PostgreSQL", start, how=signal.SIGINT))
    if "REDIS_URL" not in os.environ:
        found.append(Service("Redis (Valkey)", partial(valkey.start, places, env)))
    return found


def programs(places: Places, env: Mapping[str, str], *, port: int) -> list[Service]:
    """Return web, workers, timetable and the local node."""
    celery = [sys.executable, "-m", "celery", "-A", "config"]
    worker = [*celery, "worker", "--loglevel", "INFO", "--without-gossip", "--without-mingle"]

    def program(name: str, command: list[str], log: str) -> Service:
        start = partial(
            spawn,
            command,
            log=places.logs / f"{log}.log",
            environment=env,
            death=signal.SIGQUIT,
            directory=ROOT,
        )
        # A worker that gets SIGTERM finishes its tasks first, for minutes; SIGQUIT ends it at
        # once, and what it left is found by the sweeps of the next start.
        return Service(name, start, how=signal.SIGQUIT)

    timetable = ["beat", "--loglevel", "INFO", "-s", str(places.var / "data" / "beat-schedule")]
    found = [
        Service("Web portal", partial(_web, places, env, port)),
        program(
            "Worker",
            [*worker, "-Q", "default,outbox,billing,metering", "-c", "2", "-n", "work@%h"],
            "worker",
        ),
        program(
            "Worker of the nodes",
            [*worker, "-Q", "converge", "-P", "threads", "-c", "8", "-n", "converge@%h"],
            "converge",
        ),
        program("Timetable", [*celery, *timetable], "beat"),
    ]
    door = [sys.executable, str(ROOT / "manage.py"), "node_door", "--host", "127.0.0.1"]
    door += ["--port", str(node.door_port_of(places))]
    found.append(program("Node door", door, "node-door"))
    found.append(Service("Local SSH node", partial(node.start, places, env)))
    return found


def _web(places: Places, env: Mapping[str, str], port: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "gunicorn", "config.wsgi", "--bind", f"127.0.0.1:{port}"]
    command += ["--worker-class", "gthread", "--workers", "2", "--threads", "8"]
    command += ["--worker-tmp-dir", "/dev/shm" if Path("/dev/shm").is_dir() else str(places.var)]  # noqa: S108
    process = spawn(
        command,
        log=places.logs / "web.log",
        environment=env,
        death=signal.SIGINT,
        directory=ROOT,
    )
    log = places.logs / "web.log"
    await_ready(process, lambda: _healthy(port), log=log, seconds=WEB_SECONDS)
    return process


def _healthy(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def prepare(places: Places, env: Mapping[str, str]) -> None:
    """Bring the tables and the static files up to date."""
    (places.var / "data").mkdir(parents=True, exist_ok=True)
    manage(env, "migrate", "--database", "owner", "--verbosity", "0", log=places.logs)
    shutil.rmtree(places.var / "data" / "static", ignore_errors=True)
    manage(env, "collectstatic", "--noinput", "--verbosity", "0", log=places.logs)


def manage(env: Mapping[str, str], *arguments: str, log: Path) -> None:
    """Run a command of the application; its output is shown when it fails."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), *arguments],
        env=dict(env),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    log.mkdir(parents=True, exist_ok=True)
    (log / f"{arguments[0]}.log").write_text(done.stdout + done.stderr)
    if done.returncode:
        raise RuntimeError(
            f"manage.py {arguments[0]} failed:\n{(done.stdout + done.stderr)[-3000:]}"
        )
