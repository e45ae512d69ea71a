"""The first process of a host: builds its view of the world, runs sshd, reaps, ends with it.

Runs inside fresh namespaces, as root, with the system's python3: `host_init.py BASE NAME`.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

# Each host has its own of these; the rest of the file system is shared, changes are not.
OWN = ("root", "home", "srv", "var/log", "var/tmp")
DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
CONTROLLERS = ("cpu", "cpuacct", "memory", "pids")


def mount(kind: str, source: str, target: Path, options: str = "") -> None:
    target.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", kind, source, str(target)]
    subprocess.run([*command, *(["-o", options] if options else [])], check=True)


def bind(source: Path, target: Path) -> None:
    subprocess.run(["mount", "--bind", str(source), str(target)], check=True)


def build(base: Path, name: str) -> Path:
    """Mount the host's file system and return its root."""
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    root = base / "root"
    upper, work = base / "disk" / "upper", base / "disk" / "work"
    for path in (root, upper, work):
        path.mkdir(parents=True, exist_ok=True)
    mount("overlay", "overlay", root, f"lowerdir=/,upperdir={upper},workdir={work}")
    for own in OWN:
        data = base / "disk" / "own" / own.replace("/", "-")
        data.mkdir(parents=True, exist_ok=True)
        (root / own).mkdir(parents=True, exist_ok=True)
        bind(data, root / own)
    mount("tmpfs", "tmpfs", root / "tmp", "mode=1777")
    mount("tmpfs", "tmpfs", root / "run", "mode=755")
    mount("tmpfs", "tmpfs", root / "dev", "mode=755")
    for device in DEVICES:
        (root / "dev" / device).touch()
        bind(Path("/dev") / device, root / "dev" / device)
    mount("devpts", "devpts", root / "dev" / "pts", "newinstance,ptmxmode=0666,mode=0620")
    (root / "dev" / "ptmx").symlink_to("pts/ptmx")
    (root / "dev" / "fd").symlink_to("/proc/self/fd")
    mount("proc", "proc", root / "proc")
    mount("tmpfs", "tmpfs", root / "sys" / "fs" / "cgroup", "mode=755")
    for controller in CONTROLLERS:
        target = root / "sys" / "fs" / "cgroup" / controller
        target.mkdir()
        subprocess.run(
            ["mount", "-t", "cgroup", "-o", controller, controller, str(target)],
            check=False,
            stderr=subprocess.DEVNULL,
        )
    (root / "run" / "sshd").mkdir()
    subprocess.run(["hostname", name], check=True)
    return root


def main() -> None:
    base, name = Path(sys.argv[1]), sys.argv[2]
    root = build(base, name)
    os.chroot(root)
    os.chdir("/")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=False)
    sshd = subprocess.Popen(
        ["/usr/sbin/sshd", "-D", "-e", "-f", "/etc/ssh/fleet_sshd_config"],
        env={"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
    )
    signal.signal(signal.SIGHUP, lambda *_: sshd.terminate())
    while True:
        try:
            pid, _ = os.wait()
        except ChildProcessError:
            return
        if pid == sshd.pid:
            # A new host key needs a new sshd: SIGHUP ends the old one.
            sshd = subprocess.Popen(sshd.args)


if __name__ == "__main__":
    main()
