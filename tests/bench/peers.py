"""The peers that are measured beside us, installed beside us: no part of the product."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from config.embedded.places import ROOT
from orchestration.convergence.ssh import new_key
from tests.fleet.fleet import Host

VENV = ROOT / "var" / "venv-peers"
ANSIBLE, PYINFRA, SLAPOS = "ansible-core==2.19.14", "pyinfra==3.10.0", "slapos.core==1.26.1"
# slapproxy imports it and does not ask for it.
NETWORK_CACHE = "slapos.libnetworkcache==0.30"
_PLAY_SECONDS = 900

_PLAYBOOK = """\
- hosts: all
  gather_facts: true
  tasks:
    - user: {name: bench, system: true}
    - copy: {dest: /srv/bench-1, content: "one"}
    - copy: {dest: /srv/bench-2, content: "two"}
    - copy: {dest: /srv/bench-3, content: "three"}
    - shell: pgrep -x -u bench sleep || (setsid su -s /bin/sh -c 'exec sleep 100000' bench
        </dev/null >/dev/null 2>&1 &)
      register: running
      changed_when: running.stdout == ""
"""
_CONFIG = """\
[defaults]
forks = 32
host_key_checking = False
interpreter_python = /usr/bin/python3
[ssh_connection]
pipelining = True
ssh_args = -o ControlMaster=auto -o ControlPersist=120s
"""
_DEPLOY = """\
from io import StringIO
from pyinfra import host
from pyinfra.facts import server as facts
from pyinfra.operations import files, server

for fact in (facts.Hostname, facts.Kernel, facts.KernelVersion, facts.LinuxDistribution):
    host.get_fact(fact)
server.user(name="user", user="bench", system=True)
for number, text in enumerate(("one", "two", "three"), 1):
    files.put(name=f"file {number}", src=StringIO(text), dest=f"/srv/bench-{number}")
if not host.get_fact(facts.Command, command="pgrep -x -u bench sleep || true"):
    server.shell(
        name="process",
        commands=[
            "(setsid su -s /bin/sh -c 'exec sleep 100000' bench </dev/null >/dev/null 2>&1 &)"
        ],
    )
"""


@dataclass(frozen=True, slots=True)
class Peer:
    """A program that brings the hosts of a fleet to the same job; calling it runs it once."""

    name: str
    command: Sequence[str]
    place: Path

    def __call__(self) -> None:
        """Run it.

        Raises:
            AssertionError: it failed; what it said is in the message.
        """
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.place), "LC_ALL": "C.UTF-8"}
        done = subprocess.run(
            self.command,
            cwd=self.place,
            env=environment,
            check=False,
            capture_output=True,
            text=True,
            timeout=_PLAY_SECONDS,
        )
        assert done.returncode == 0, (done.stdout + done.stderr)[-2000:]


def installed(*wanted: str) -> bool:
    """Install peers beside us; False when they cannot be had here."""
    python = VENV / "bin" / "python"
    if not python.exists():
        make = [sys.executable, "-m", "venv", "--without-pip", str(VENV)]
        if subprocess.run(make, check=False).returncode:
            return False
    pip = ["/usr/bin/python3", "-m", "pip", "--python", str(python)]
    quiet = ["--quiet", "--disable-pip-version-check"]
    return subprocess.run([*pip, "install", *quiet, *wanted], check=False).returncode == 0


def on(hosts: Sequence[Host], place: Path) -> Iterator[Peer]:
    """Yield the peers that can be had, ready to run on the hosts; says which cannot."""
    key = _key_on(hosts, place)
    programs = VENV / "bin"
    if installed(ANSIBLE):
        _write_ansible(hosts, place, key)
        command = [str(programs / "ansible-playbook"), "-i", "hosts", "job.yml"]
        yield Peer(ANSIBLE.replace("==", " "), command, place)
    else:
        sys.stdout.write("NO ANSIBLE: it cannot be installed here, its ratios are left out\n")
    if installed(PYINFRA):
        _write_pyinfra(hosts, place, key)
        options = ["-y", "--parallel", "32"]
        command = [str(programs / "pyinfra"), "inventory.py", "deploy.py", *options]
        yield Peer(PYINFRA.replace("==", " "), command, place)
    else:
        sys.stdout.write("NO PYINFRA: it cannot be installed here, its ratios are left out\n")


def forget(hosts: Sequence[Host]) -> None:
    """Undo the job on the hosts, so that the next pass is a first one again."""
    for host in hosts:
        host.run("pkill -x -u bench sleep; userdel bench; rm -f /srv/bench-*; true", check=False)


@contextmanager
def left(hosts: Sequence[Host]) -> Iterator[None]:
    """Have the hosts free of the job before and after."""
    forget(hosts)
    yield
    forget(hosts)


def _key_on(hosts: Sequence[Host], place: Path) -> Path:
    private, public = new_key()
    key = place / "key"
    key.touch(mode=0o600)
    key.write_text(private)
    for host in hosts:
        host.run(f"mkdir -p ~/.ssh && echo '{public}' >> ~/.ssh/authorized_keys")
    return key


def _write_ansible(hosts: Sequence[Host], place: Path, key: Path) -> None:
    facts = f"ansible_user=root ansible_ssh_private_key_file={key}"
    (place / "hosts").write_text("".join(f"{host.address} {facts}\n" for host in hosts))
    (place / "job.yml").write_text(_PLAYBOOK)
    (place / "ansible.cfg").write_text(_CONFIG)


def _write_pyinfra(hosts: Sequence[Host], place: Path, key: Path) -> None:
    facts = {
        "ssh_user": "root",
        "ssh_key": str(key),
        "ssh_strict_host_key_checking": "accept-new",
        "ssh_known_hosts_file": str(place / "known"),
    }
    (place / "inventory.py").write_text(f"hosts = {[(host.address, facts) for host in hosts]!r}\n")
    (place / "deploy.py").write_text(_DEPLOY)
