"""The local compute node: a real SSH server on a high port of this machine."""

import getpass
import os
import random
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from config.embedded.places import Places
from config.embedded.processes import await_ready, spawn

# The first of the ports that are tried when the node is made; it keeps the one it got.
_FIRST_PORT, _PORTS = 20022, 200
_PATH = "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
START_SECONDS = 15
# OpenSSH wants its full path: it executes itself again for every connection.
_SSHD = ("/usr/sbin/sshd", "/usr/local/sbin/sshd")


@dataclass(frozen=True, slots=True)
class LocalNode:
    """What an operator would type to enrol it."""

    host: str
    port: int
    user: str
    host_key: str
    private_key: str
    agent_home: str
    authorized_keys: str


def find_sshd() -> Path | None:
    """Return OpenSSH's server, or nothing where it is not installed."""
    return next((Path(path) for path in _SSHD if Path(path).exists()), None)


def start(places: Places, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start the SSH server of the local node and wait until it greets."""
    places.node.mkdir(mode=0o700, parents=True, exist_ok=True)
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    _key(places.node / "host_key")
    (places.node / "authorized_keys").touch(mode=0o600)
    port = port_of(places)
    process = spawn(
        _command(places, port=port),
        log=places.logs / "node-sshd.log",
        environment=environment,
    )
    log = places.logs / "node-sshd.log"
    await_ready(process, lambda: _greets(port), log=log, seconds=START_SECONDS)
    return process


def port_of(places: Places) -> int:
    """Return the node's port: chosen once, because the enrolled node is known by it."""
    return _kept_port(places, "port")


def door_port_of(places: Places) -> int:
    """Return the node door's port: chosen once, because nodes that call remember it."""
    return _kept_port(places, "door-port")


def _kept_port(places: Places, name: str) -> int:
    kept = places.node / name
    if not kept.exists():
        places.node.mkdir(mode=0o700, parents=True, exist_ok=True)
        # In no order: two systems that start at once must not look at the same port.
        ports = random.sample(range(_FIRST_PORT, _FIRST_PORT + _PORTS), _PORTS)
        kept.write_text(str(next(filter(_free, ports))))
    return int(kept.read_text())


def _free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def _command(places: Places, *, port: int) -> list[str | Path]:
    sshd = find_sshd()
    if sshd is None:
        own = [sys.executable, "-m", "config.embedded.stand_in", str(places.node)]
        return [*own, str(port), _path()]
    config = places.node / "sshd_config"
    config.write_text(_config(places, port=port))
    return [sshd, "-D", "-e", "-f", config]


def _path() -> str:
    """Return where the node looks for programs: its python3 must have pip, to build software."""
    asked = subprocess.run(
        ["python3", "-m", "pip", "--version"],
        env={"PATH": _PATH},
        capture_output=True,
        timeout=30,
        check=False,
    )
    return _PATH if asked.returncode == 0 else f"{Path(sys.executable).parent}:{_PATH}"


def _config(places: Places, *, port: int) -> str:
    """As strict as a provider's: keys only, one user, no forwarding."""
    lines = {
        "Port": str(port),
        "ListenAddress": "127.0.0.1",
        "HostKey": str(places.node / "host_key"),
        "PidFile": str(places.node / "sshd.pid"),
        "AuthorizedKeysFile": str(places.node / "authorized_keys"),
        "AllowUsers": getpass.getuser(),
        "PermitRootLogin": "prohibit-password",
        "PasswordAuthentication": "no",
        "KbdInteractiveAuthentication": "no",
        "UsePAM": "yes" if _locked() else "no",
        "StrictModes": "no",
        "AllowTcpForwarding": "no",
        "X11Forwarding": "no",
        "SetEnv": f"PATH={_path()}",
        "MaxStartups": "50",
        "MaxSessions": "50",
    }
    return "".join(f"{name} {value}\n" for name, value in lines.items())


def _locked() -> bool:
    """Return whether root has a locked password: without PAM, sshd would refuse its keys too."""
    if os.getuid() != 0:
        return False
    lines = Path("/etc/shadow").read_text().splitlines()
    return any(line.startswith("root:!") for line in lines)


def one_time_credential(places: Places) -> LocalNode:
    """Make a key that may sign in once: enrolment replaces it by the node's own."""
    key = places.node / "one_time_key"
    key.unlink(missing_ok=True)
    key.with_suffix(".pub").unlink(missing_ok=True)
    _key(key)
    public = key.with_suffix(".pub").read_text().strip()
    keys = places.node / "authorized_keys"
    kept = [line for line in keys.read_text().splitlines() if "tenantry-one-time" not in line]
    keys.write_text("\n".join([*kept, f"{public} tenantry-one-time", ""]))
    made = LocalNode(
        host="127.0.0.1",
        port=port_of(places),
        user=getpass.getuser(),
        host_key=" ".join((places.node / "host_key.pub").read_text().split()[:2]),
        private_key=key.read_text(),
        agent_home=str(places.agent_home),
        authorized_keys=str(keys),
    )
    key.unlink()
    key.with_suffix(".pub").unlink()
    return made


def _key(path: Path) -> None:
    """Make a key pair, unless it is there."""
    if path.exists():
        return
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    path.with_suffix(".pub").write_bytes(public + b"\n")
    path.touch(mode=0o600)
    path.write_bytes(private)


def _greets(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as client:
            return client.recv(4) == b"SSH-"
    except OSError:
        return False
