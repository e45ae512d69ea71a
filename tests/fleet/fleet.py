"""Real OpenSSH hosts on this machine: namespaces, an overlay over `/`, a veth to a bridge.

    with Fleet(2) as fleet:
        host = fleet.hosts[0]
        host.cut()

Only addresses of the fleet's own bridge are ever contacted.
"""

import contextlib
import ctypes
import fcntl
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Self

INIT = Path(__file__).with_name("host_init.py")
CGROUPS = [
    Path("/sys/fs/cgroup") / name for name in ("cpu", "cpuacct", "memory", "pids", "freezer")
]
PREFIX = "tnfl"
DISK = "512m"
READY_SECONDS = 20
NEEDED = (
    "/usr/sbin/sshd",
    "/usr/bin/unshare",
    "/usr/bin/nsenter",
    "/usr/bin/setpriv",
    "/usr/bin/python3",
)
# Never /root: it is each host's own, and what lies in it here is not there.
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

_SSHD = """\
Port 22
HostKey /etc/ssh/fleet_host_key
PermitRootLogin yes
PasswordAuthentication yes
KbdInteractiveAuthentication no
UsePAM no
UseDNS no
PidFile none
MaxStartups 100
Subsystem sftp internal-sftp
SetEnv PATH={path}{wheels}
"""


def missing() -> str:
    """Return why there can be no fleet here, or nothing."""
    if os.geteuid() != 0:
        return "not root"
    lacking = [path for path in NEEDED if not Path(path).exists()]
    if lacking or not shutil.which("ip"):
        return f"missing: {', '.join(lacking) or 'iproute2'}"
    if not _works("python3", "-m", "pip", "--version"):
        return "the system's python3 has no pip (Debian's package python3-pip)"
    if not _works("unshare", "--net", "--mount", "--pid", "--fork", "true"):
        return "namespaces are not allowed here"
    return ""


def _works(*command: str) -> bool:
    found = shutil.which(command[0], path=PATH)
    if not found:
        return False
    done = subprocess.run([found, *command[1:]], capture_output=True, env={"PATH": PATH})
    return done.returncode == 0


def _ip(*arguments: str, check: bool = True) -> bool:
    done = subprocess.run(["ip", *arguments], check=check, capture_output=not check)
    return done.returncode == 0


def _hardware(address: str) -> str:
    """Return the hardware address that goes with an IP address.

    One that changed with each power cut would be looked for at the old place for half a minute.
    """
    return "02:54:" + ":".join(f"{int(part):02x}" for part in address.split("."))


def _over_6(address: str) -> str:
    """Return the IPv6 address that goes with one of IPv4."""
    _, second, third, last = address.split(".")
    return f"fd00:{second}:{third}::{last}"


@dataclass
class Host:
    """One machine."""

    name: str
    base: Path
    address: str
    gateway: str
    link: str
    bridge: str
    groups: list[Path]
    wheels: Path | None = None
    port: int = 22
    process: subprocess.Popen[bytes] | None = None
    password: str = field(default_factory=lambda: secrets.token_urlsafe(12))

    @property
    def address6(self) -> str:
        """Return the host's IPv6 address."""
        return _over_6(self.address)

    # Power.

    def power_on(self) -> None:
        """Start the host and wait until its SSH server greets."""
        disk = self.base / "disk"
        if not disk.is_mount():
            disk.mkdir(parents=True, exist_ok=True)
            subprocess.run(
                ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(disk)], check=True
            )
        self._prepare(disk / "upper")
        join = " && ".join(f"echo $$ > {group}/cgroup.procs" for group in self.groups) or "true"
        # A fleet whose owner was killed ends with it, down to the last process on its hosts.
        command = (
            f"{join} && exec setpriv --pdeathsig KILL unshare --net --mount --pid --uts --ipc "
            f"--cgroup --fork --kill-child /usr/bin/python3 {INIT} {self.base} {self.name}"
        )
        with (self.base / "console.log").open("ab") as log:
            self.process = subprocess.Popen(
                ["sh", "-c", command], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self._plug()
        self.await_ssh()

    def _prepare(self, upper: Path) -> None:
        """Write what the host's /etc has of its own."""
        ssh = upper / "etc" / "ssh"
        if ssh.exists():
            return
        ssh.mkdir(parents=True)
        wheels = ""
        if self.wheels:
            wheels = f" PIP_NO_INDEX=1 PIP_FIND_LINKS={self.wheels}"
        (ssh / "fleet_sshd_config").write_text(_SSHD.format(path=PATH, wheels=wheels))
        self._make_key(ssh / "fleet_host_key")
        for path in (upper / "etc", ssh):
            path.chmod(0o755)
        hashed = _hashed(self.password)
        lines = Path("/etc/shadow").read_text().splitlines()
        shadow = upper / "etc" / "shadow"
        shadow.write_text(
            "".join(
                f"root:{hashed}:19000:0:99999:7:::\n" if line.startswith("root:") else line + "\n"
                for line in lines
            )
        )
        shadow.chmod(0o600)

    def _make_key(self, path: Path) -> None:
        for one in (path, path.with_suffix(".pub")):
            one.unlink(missing_ok=True)
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(path)], check=True
        )

    @property
    def pid(self) -> int:
        """Return the process that is the host's first, seen from outside."""
        assert self.process is not None
        until = time.monotonic() + READY_SECONDS
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        while time.monotonic() < until:
            found = children.read_text().split()
            if found:
                return int(found[0])
            time.sleep(0.01)
        raise TimeoutError(self.console())

    def _plug(self) -> None:
        pid = str(self.pid)
        _ip("link", "add", self.link, "type", "veth", "peer", "name", "eth0", "netns", pid)
        _ip("link", "set", self.link, "master", self.bridge, "up")
        inside = ["nsenter", "--net", "--target", pid, "ip"]
        for arguments in (
            ["link", "set", "eth0", "address", _hardware(self.address)],
            ["addr", "add", f"{self.address}/24", "dev", "eth0"],
            ["addr", "add", f"{self.address6}/64", "dev", "eth0", "nodad"],
            ["link", "set", "eth0", "up"],
            ["link", "set", "lo", "up"],
        ):
            subprocess.run([*inside, *arguments], check=True)

    def power_cut(self) -> None:
        """Kill everything that runs on the host at once; its disk stays."""
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, 9)
        self.process.kill()
        self.process.wait(10)
        self.process = None
        _ip("link", "del", self.link, check=False)

    def await_ssh(self) -> None:
        """Wait until the SSH server greets."""
        until = time.monotonic() + READY_SECONDS
        while not self.greets():
            if time.monotonic() > until:
                raise TimeoutError(self.console())
            time.sleep(0.05)

    def greets(self, seconds: float = 1.0) -> bool:
        """Return whether the SSH server greets."""
        try:
            with socket.create_connection((self.address, self.port), timeout=seconds) as client:
                return client.recv(4) == b"SSH-"
        except OSError:
            return False

    def console(self) -> str:
        """Return what the host's first process printed."""
        return (self.base / "console.log").read_text(errors="replace")[-3000:]

    # Inside.

    def run(self, command: str, *, check: bool = True) -> str:
        """Run a shell command on the host as root; return what it prints.

        The command does not show among the host's processes, so that it never finds itself; what
        it leaves running in the background is not waited for.
        """
        inside = ["nsenter", "--target", str(self.pid), "--all", "--root", "--wd"]
        shell = ["sh", "-c", 'eval "$FLEET_COMMAND"']
        with tempfile.TemporaryFile() as printed, tempfile.TemporaryFile() as said:
            done = subprocess.run(
                [*inside, *shell],
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=said,
                env={"PATH": PATH, "HOME": "/root", "FLEET_COMMAND": command},
                timeout=60,
                check=False,
            )
            texts = [_content(file) for file in (printed, said)]
        if check and done.returncode:
            raise AssertionError(f"{command}: {done.returncode}: {''.join(texts)}")
        return texts[0]

    def run_on_disk(self, command: str) -> None:
        """Run a shell command on the disk of a host that is off."""
        subprocess.run(["sh", "-c", command], cwd=self.base / "disk", check=True)

    @property
    def host_key_line(self) -> str:
        """Return the host's public key as it is pinned."""
        path = self.base / "disk" / "upper" / "etc" / "ssh" / "fleet_host_key.pub"
        return " ".join(path.read_text().split()[:2])

    def replace_host_key(self) -> None:
        """Give the host another key, as a machine that was installed anew has."""
        self.run(
            "rm -f /etc/ssh/fleet_host_key* && "
            "ssh-keygen -q -t ed25519 -N '' -C '' -f /etc/ssh/fleet_host_key"
        )
        server = self.run("pgrep -x -o sshd")
        os.kill(self.pid, signal.SIGHUP)
        until = time.monotonic() + READY_SECONDS
        while self.run("pgrep -x -o sshd", check=False) in {"", server}:
            if time.monotonic() > until:
                raise TimeoutError(self.console())
            time.sleep(0.02)
        self.await_ssh()

    # Faults.

    def cut(self) -> None:
        """Pull the network cable."""
        _ip("link", "set", self.link, "down")

    def heal(self) -> None:
        """Put the network cable back."""
        _ip("link", "set", self.link, "up")
        self.await_ssh()

    def remove(self) -> None:
        """Take the host down and leave nothing behind."""
        self.power_cut()
        subprocess.run(["umount", "-l", str(self.base / "disk")], check=False, capture_output=True)
        for group in self.groups:
            _remove_groups(group)


def _content(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")


def _hashed(password: str) -> str:
    """Return a password as /etc/shadow holds it; Python 3.13 has no `crypt` any more."""
    library = ctypes.CDLL("libcrypt.so.1")
    library.crypt.restype = ctypes.c_char_p
    found: bytes = library.crypt(password.encode(), b"$6$" + secrets.token_hex(8).encode())
    return found.decode()


def _remove_groups(top: Path) -> None:
    """Remove a control group and those in it, as soon as their processes are gone."""
    inner = sorted(path for path in top.rglob("*") if path.is_dir())
    until = time.monotonic() + 5
    for path in [*reversed(inner), top]:
        while path.exists() and time.monotonic() < until:
            with contextlib.suppress(OSError):
                path.rmdir()
                break
            time.sleep(0.02)


def sweep() -> None:
    """Clean up after fleets whose owner was killed: their processes ended with it.

    A fleet's owner holds the lock in its directory for as long as it lives.
    """
    for base in Path(tempfile.gettempdir()).glob(f"{PREFIX}-*"):
        with _locked(base) as is_mine:
            if is_mine:
                _clean(base)


@contextlib.contextmanager
def _locked(base: Path, *, waits: bool = False) -> Iterator[bool]:
    """Take the lock of a directory; say whether nobody else has it."""
    handle = os.open(base, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if waits else fcntl.LOCK_NB))
    except BlockingIOError:
        yield False
    else:
        yield True
    finally:
        os.close(handle)


def _clean(base: Path) -> None:
    """Remove the mounts, groups and links of a fleet without processes, and its directory."""
    mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    for place in sorted((one for one in mounts if one.startswith(f"{base}/")), reverse=True):
        subprocess.run(["umount", "-l", place], check=False, capture_output=True)
    name = base / "bridge"
    bridge = name.read_text() if name.exists() else ""
    if bridge:
        for groups in CGROUPS:
            for group in groups.glob(f"{bridge}-*"):
                _remove_groups(group)
        for link in Path("/sys/class/net").glob(f"{bridge}h*"):
            _ip("link", "del", link.name, check=False)
        _ip("link", "del", bridge, check=False)
    shutil.rmtree(base, ignore_errors=True)


class Fleet:
    """Some hosts on one bridge."""

    def __init__(self, count: int, *, wheels: Path | None = None) -> None:
        self.count = count
        self.wheels = wheels
        self.hosts: list[Host] = []
        self.lock = contextlib.ExitStack()
        # One at a time: a directory that has no lock yet is no leftover.
        with _locked(Path(tempfile.gettempdir()), waits=True):
            sweep()
            self.base = Path(tempfile.mkdtemp(prefix=f"{PREFIX}-"))
            self.lock.enter_context(_locked(self.base))
        # /24 networks of a range that nobody routes: one per fleet on this machine.
        self.number = next(number for number in range(1, 255) if self._take(number))

    def _take(self, number: int) -> bool:
        """Make the bridge of this number; False when another fleet has it."""
        self.bridge = f"{PREFIX}{number}"
        hardware = _hardware(f"10.213.{number}.1")
        if not _ip("link", "add", self.bridge, "address", hardware, "type", "bridge", check=False):
            return False
        (self.base / "bridge").write_text(self.bridge)
        return True

    def __enter__(self) -> Self:
        try:
            own = f"10.213.{self.number}.1"
            _ip("addr", "add", f"{own}/24", "dev", self.bridge)
            _ip("addr", "add", f"{_over_6(own)}/64", "dev", self.bridge, "nodad")
            _ip("link", "set", self.bridge, "up")
            for number in range(self.count):
                self.hosts.append(self._host(number))
                self.hosts[-1].power_on()
        except BaseException:
            self.close()
            raise
        return self

    def _host(self, number: int) -> Host:
        name = f"host{number}"
        groups = [path / f"{self.bridge}-{name}" for path in CGROUPS if path.is_dir()]
        for group in groups:
            group.mkdir(exist_ok=True)
        base = self.base / name
        base.mkdir()
        return Host(
            name=name,
            base=base,
            address=f"10.213.{self.number}.{10 + number}",
            gateway=f"10.213.{self.number}.1",
            link=f"{self.bridge}h{number}",
            bridge=self.bridge,
            groups=groups,
            wheels=self.wheels,
        )

    def close(self) -> None:
        """Take everything down."""
        for host in self.hosts:
            host.remove()
        _clean(self.base)
        self.lock.close()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


if __name__ == "__main__":
    with Fleet(int(sys.argv[1])) as fleet:
        for one in fleet.hosts:
            sys.stdout.write(f"{one.name} root@{one.address} {one.password}\n")
        sys.stdout.flush()
        sys.stdin.read()
