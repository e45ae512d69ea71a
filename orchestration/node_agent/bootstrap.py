"""Prepare a machine: named steps, each said as it ends; running it again changes nothing."""

import json
import os
import pwd
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from subprocess import SubprocessError

from . import calls, limits, upgrade
from .background import start
from .cgroups import Cgroups
from .facts import facts
from .home import Home, read_json, write_bytes, write_json
from .keys import write_keys

OLDEST_PYTHON = (3, 9)
COMMAND_SECONDS = 600
CRON = "/etc/cron.d"


class StepFailed(Exception):
    """A step did not work, with the command that said so."""


FAILURES = (StepFailed, calls.DoorRefused, OSError, LookupError, ValueError, SubprocessError)


def main(source):
    """Read what is asked from standard input; print one JSON line per step."""
    asked = json.loads(sys.stdin.read())
    return prepare(Home(asked["home"]), asked, source, tell)


def tell(line):
    """Say how a step ended to who listens on the SSH connection."""
    print(json.dumps(line), flush=True)


def prepare(home, asked, source, say):
    """Run the steps, whatever carries what they say; 0 when all of them worked."""
    steps = (
        ("Check the system", check_system),
        ("Create the agent's directories", make_home),
        ("Create users and partitions", make_partitions),
        ("Install the agent", lambda h, a: install(h, a, source)),
        ("Install the node's own key", install_key),
        ("Start the agent", start_agent),
        ("Take facts", lambda h, a: take_facts(h)),
    )
    for name, step in steps:
        began = time.monotonic()
        line = {"step": name, "ok": True, "message": ""}
        try:
            result = step(home, asked)
            if isinstance(result, dict):
                line["facts"] = result
            else:
                line["message"] = result or ""
        except FAILURES as error:
            line.update(ok=False, message=f"{type(error).__name__}: {error}"[:2000])
        line["seconds"] = round(time.monotonic() - began, 2)
        say(line)
        if not line["ok"]:
            return 1
    return 0


def take_facts(home):
    """Return what the machine is and what it can hold a partition to."""
    groups = Cgroups("tenantry-probe")
    return dict(facts(home, groups.kind), **limits.means(groups, home.is_privileged()))


def run(*command):
    """Run a command; what it says is in the error."""
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=COMMAND_SECONDS,
        env=dict(os.environ, DEBIAN_FRONTEND="noninteractive"),
    )
    if done.returncode:
        said = done.stdout.decode("utf-8", "replace")[-1500:]
        raise StepFailed("`{}` ended with {}: {}".format(" ".join(command), done.returncode, said))
    return done.stdout.decode("utf-8", "replace")


def check_system(home, asked):
    """Refuse what cannot work; install what is missing where we may."""
    if sys.version_info[:2] < OLDEST_PYTHON:
        raise StepFailed(f"python3 is {sys.version.split()[0]}, 3.9 is needed")
    if os.name != "posix":
        raise StepFailed("this is no POSIX system")
    said = ["Python {}.{}".format(*sys.version_info[:2])]
    if not _has_pip():
        if home.is_privileged() and shutil.which("apt-get"):
            run("apt-get", "update")
            run("apt-get", "install", "--yes", "--no-install-recommends", "python3-pip")
            said.append("python3-pip installed")
        else:
            raise StepFailed("there is no pip: an administrator runs apt-get install python3-pip")
    if "certify" in asked and not calls.has_openssl():
        if not (home.is_privileged() and shutil.which("apt-get")):
            raise StepFailed("there is no openssl: an administrator runs apt-get install openssl")
        run("apt-get", "update")
        run("apt-get", "install", "--yes", "--no-install-recommends", "openssl")
        said.append("openssl installed")
    if not home.is_privileged():
        said.append("without root: all partitions run as one user")
    return ", ".join(said)


def _has_pip():
    done = subprocess.run(
        ["python3", "-m", "pip", "--version"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=60,
    )
    return done.returncode == 0


def make_home(home, asked):
    """Make the agent's directories; partitions' users must be able to pass through."""
    home.make()
    if home.is_privileged():
        for parent in home.path.parents:
            if not parent.stat().st_mode & 0o001:
                raise StepFailed(
                    f"{parent} is closed to the partitions' users: choose a home that "
                    "everybody may pass through, such as /srv/tenantry"
                )
    return str(home.path)


def make_partitions(home, asked):
    """Format the partitions: a Unix user each where we are root."""
    names = [f"p{number}" for number in range(asked["partitions"])]
    users = {name: "{}-{}".format(asked["user_prefix"], name) for name in names}
    builder = asked["user_prefix"] + "-build"
    if home.is_privileged():
        for user in [builder, *users.values()]:
            _make_user(user, home)
    identity = {
        "node": asked["node"],
        "build_user": builder,
        "partitions": [{"name": name, "user": users[name]} for name in names],
    }
    if read_json(home.state / "identity.json", None) != identity:
        write_json(home.state / "identity.json", identity)
    return f"{len(names)} partitions"


def _make_user(name, home):
    try:
        pwd.getpwnam(name)
    except KeyError:
        run(
            "useradd", "--system", "--user-group", "--no-create-home",
            "--home-dir", str(home.partitions), "--shell", "/usr/sbin/nologin", name,
        )  # fmt: skip


def install(home, asked, source):
    """Put the agent and supervisord where they stay."""
    upgrade.forget(home)
    content = Path(source).read_bytes()
    if not home.agent.exists() or home.agent.read_bytes() != content:
        write_bytes(home.agent, content, 0o644)
    fresh = home.path / "supervisor.new"
    shutil.rmtree(str(fresh), ignore_errors=True)
    with zipfile.ZipFile(source) as archive:
        for name in archive.namelist():
            if name.startswith("supervisor/") and not name.endswith("/"):
                target = fresh / name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(archive.read(name))
    if home.supervisor.exists():
        shutil.rmtree(str(home.supervisor))
    fresh.rename(home.supervisor)
    return "agent {}".format(asked["version"][:12])


def install_key(home, asked):
    """Let the node's own key run one command and nothing else; replace what we wrote before.

    Where the node calls its Master, the key is made here and the Master signs it.
    """
    if "certify" in asked:
        return asked["certify"](home)
    try:
        path = write_keys(
            home,
            asked["node"],
            [asked["public_key"]],
            asked.get("authorized_keys"),
            asked.get("forget_key") or "",
        )
    except ValueError as error:
        raise StepFailed(str(error))
    return str(path)


def start_agent(home, asked):
    """Start the resident, a fresh one when its code changed; have it back after a reboot."""
    upgrade.stop(home)
    start(home, home.agent)
    return _at_boot(home, calls.is_set(home))


def _at_boot(home, is_caller):
    """Have systemd or cron start the resident after a reboot.

    A Master that comes by itself starts it where there is neither.
    """
    if os.path.isdir("/run/systemd/system") and home.is_privileged():
        unit = Path("/etc/systemd/system/tenantry-node.service")
        text = (
            "[Unit]\nDescription=Tenantry node agent\nAfter=network.target\n"
            "[Service]\nKillMode=process\nRestart=always\n"
            f"ExecStart={sys.executable} {home.agent} resident {home.path}\n"
            "[Install]\nWantedBy=multi-user.target\n"
        )
        if not unit.exists() or unit.read_text() != text:
            unit.write_text(text)
            run("systemctl", "daemon-reload")
            run("systemctl", "enable", "tenantry-node.service")
        return "comes back after a reboot by systemd"
    if is_caller and home.is_privileged() and os.path.isdir(CRON):
        command = f"{sys.executable} {home.agent} resident {home.path}"
        text = f"@reboot root {command} >/dev/null 2>&1 </dev/null\n"
        write_bytes(Path(CRON) / "tenantry-node", text.encode(), 0o644)
        return "comes back after a reboot by cron"
    if is_caller:
        command = f"{sys.executable} {home.agent} resident {home.path}"
        return f"nothing starts it after a reboot: have this run then: {command}"
    return "comes back with the Master's next session: there is no systemd here"
