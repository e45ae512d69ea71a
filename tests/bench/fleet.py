"""A pass over real SSH hosts where nothing changed, against Ansible doing the same job.

The job: one user, three files, one process that must run, facts. Ansible has pipelining, persistent
connections and 32 forks. Left out, loudly, where there can be no hosts or no Ansible.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from django.db import connections as databases

from config.embedded.places import ROOT
from erp.base import scope
from erp.base.doors import now
from orchestration.convergence import services
from orchestration.convergence.ssh import new_key
from orchestration.nodes.models import ComputeNode
from tests.bench.timing import Result, seconds
from tests.fleet.fleet import Fleet, Host, missing
from tests.scenarios.world import a_service, converged, enrolled

HOSTS, THREADS, ROUNDS = 8, 2, 20
ANSIBLE = "ansible-core==2.19.14"
PEERS = ROOT / "var" / "venv-peers"

_PLAYBOOK = """\
- hosts: all
  gather_facts: true
  tasks:
    - user: {name: bench, system: true}
    - copy: {dest: /srv/bench-1, content: "one"}
    - copy: {dest: /srv/bench-2, content: "two"}
    - copy: {dest: /srv/bench-3, content: "three"}
    - shell: pgrep -x sleep || (setsid sleep 100000 </dev/null >/dev/null 2>&1 &)
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


def run() -> Iterator[Result]:
    """Time passes through our services, and one run of the playbook after a first one."""
    why = missing()
    if why:
        sys.stdout.write(f"NO FLEET: passes over real hosts are left out: {why}\n")
        return
    with Fleet(HOSTS) as fleet:
        nodes = [enrolled(host) for host in fleet.hosts]
        a_service()
        for node in nodes:
            converged(node)
        ours = _passes(nodes)
        peer = _ansible(fleet.hosts)
    if peer is None:
        sys.stdout.write(f"NO ANSIBLE: a pass over {HOSTS} hosts takes {ours * 1000:.1f} ms\n")
        return
    name = f"a pass over {HOSTS} hosts, nothing changed"
    yield Result(name, ours, peer, ANSIBLE, "≥ 500 ×")


def _passes(nodes: Sequence[ComputeNode]) -> float:
    """Return the seconds of one pass over all nodes; each thread keeps its own nodes."""
    shares = [nodes[number::THREADS] for number in range(THREADS)]

    def work(share: Sequence[ComputeNode]) -> None:
        with scope.everything("the benchmark"):
            for _ in range(ROUNDS):
                for node in share:
                    assert services.converge(node.pk, clock=now, why="its turn")
        databases.close_all()

    with ThreadPoolExecutor(THREADS) as pool:
        return seconds(lambda: list(pool.map(work, shares))) / ROUNDS


def _ansible(hosts: Sequence[Host]) -> float | None:
    """Return the seconds of a run that changes nothing, or None without Ansible."""
    program = PEERS / "bin" / "ansible-playbook"
    if not program.exists() and not _installed():
        return None
    private, public = new_key()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        key = place / "key"
        key.touch(mode=0o600)
        key.write_text(private)
        for host in hosts:
            host.run(f"echo '{public}' >> /root/.ssh/authorized_keys")
        lines = [
            f"{host.address} ansible_user=root ansible_ssh_private_key_file={key}\n"
            for host in hosts
        ]
        (place / "hosts").write_text("".join(lines))
        (place / "job.yml").write_text(_PLAYBOOK)
        (place / "ansible.cfg").write_text(_CONFIG)
        environment = {"PATH": os.environ["PATH"], "HOME": folder, "LC_ALL": "C.UTF-8"}
        command = [str(program), "-i", "hosts", "job.yml"]

        def play() -> None:
            subprocess.run(
                command, cwd=place, env=environment, check=True, capture_output=True, timeout=600
            )

        play()
        return seconds(play)


def _installed() -> bool:
    """Install Ansible beside us: it is a peer of the benchmark, not a part of the product."""
    made = subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(PEERS)], check=False)
    python = str(PEERS / "bin" / "python")
    pip = ["/usr/bin/python3", "-m", "pip", "--python", python, "install", "--quiet", ANSIBLE]
    return made.returncode == 0 and subprocess.run(pip, check=False).returncode == 0
