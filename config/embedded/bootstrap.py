"""From a bare machine to a virtual environment with everything locked; standard library only.

Run by `./run`, `./test` and `make` with the system's python3, before anything is installed:

    bootstrap.py requirements-embedded.txt run -- -m config.embedded run ARGUMENTS
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VAR = Path(os.environ.get("TENANTRY_VAR", str(ROOT / "var")))
OLDEST, TOO_NEW = (3, 11), (3, 14)
BEGAN = time.monotonic()
# A long step says this often that it is still at work.
HEARTBEAT_SECONDS, LONGEST_SECONDS = 15, 1800

# What Debian must bring, by what we look for, in the order in which we miss it.
LIBRARIES = {
    "libpango-1.0-0": "libpango-1.0.so.0",
    "libpangoft2-1.0-0": "libpangoft2-1.0.so.0",
    "libharfbuzz-subset0": "libharfbuzz-subset.so.0",
}
FONTS = {"fonts-dejavu-core": "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"}
RUN_PROGRAMS = {
    "openssh-server": "/usr/sbin/sshd",
    "openssh-client": "/usr/bin/ssh",
    "restic": "/usr/bin/restic",
}
TEST_PROGRAMS = {
    "chromium": "/usr/bin/chromium",
    "nftables": "/usr/sbin/nft",
    "iproute2": "/usr/bin/ip:/usr/sbin/ip:/sbin/ip:/bin/ip",
    "poppler-utils": "/usr/bin/pdftotext",
    "git": "/usr/bin/git",
    "make": "/usr/bin/make",
}
LIBRARY_PLACES = ("/usr/lib", "/lib", "/usr/local/lib")
# What is lost without a package, for a user who cannot install it.
WITHOUT = {
    "libpango-1.0-0": "PDF documents wait",
    "libpangoft2-1.0-0": "PDF documents wait",
    "libharfbuzz-subset0": "PDF documents wait",
    "fonts-dejavu-core": "documents have no fall-back font",
    "openssh-server": "a small SSH server of our own stands in for it",
    "openssh-client": "services on this node are not backed up",
    "restic": "services on this node are not backed up",
    "chromium": "browser tests are left out",
    "nftables": "tests on SSH hosts are left out",
    "iproute2": "tests on SSH hosts are left out",
    "poppler-utils": "tests that read PDF text are left out",
    "git": "one test of tidiness is left out",
    "make": "`make check` cannot run",
}


def main() -> None:
    """Set up, then become the program that was asked for."""
    lock, purpose = ROOT / sys.argv[1], sys.argv[2]
    arguments = sys.argv[4:]
    if not OLDEST <= sys.version_info[:2] < TOO_NEW:
        become_a_fitting_python()
    VAR.mkdir(parents=True, exist_ok=True)
    with (VAR / "setup.lock").open("w") as guard:
        try:
            fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another set-up is under way: waiting for it")
            fcntl.flock(guard, fcntl.LOCK_EX)
        install_packages(purpose)
        python = make_environment(lock)
    os.chdir(ROOT)
    os.environ["PATH"] = f"{python.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    os.execv(python, [str(python), *arguments])  # noqa: S606  (this process becomes it)


def become_a_fitting_python() -> None:
    """Start again with another Python of this machine, or say what is needed."""
    for name in ("python3.13", "python3.12", "python3.11", "/usr/bin/python3.11"):
        found = shutil.which(name)
        if found and works([found]):
            os.execv(found, [found, *sys.argv])  # noqa: S606  (this process becomes it)
    sys.exit(f"Tenantry needs Python 3.11 to 3.13, this is {sys.version.split()[0]}.")


def say(text: str) -> None:
    """Print a line of progress at once, with the time since the start."""
    passed = time.monotonic() - BEGAN
    print(f"[set-up {passed:3.0f} s] {text}", flush=True)  # noqa: T201  (nothing is installed yet)


def install_packages(purpose: str) -> None:
    """Install what Debian must bring, as root; else say what is left out and how to get it."""
    missing = missing_packages(purpose)
    if not missing:
        return
    apt = shutil.which("apt-get")
    command = f"apt-get install --yes --no-install-recommends {' '.join(missing)}"
    if apt and os.getuid() == 0:
        say(f"installing from Debian: {' '.join(missing)}")
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        logged("apt-update", [apt, "update"], environment, must=False)
        logged("apt-install", [*command.split()], environment, must=False)
        missing = missing_packages(purpose)
        if not missing:
            return
    for name in missing:
        say(f"without {name}: {WITHOUT[name]}")
    say(f"an administrator gets all of it with:  {command}")


def missing_packages(purpose: str) -> list[str]:
    """Return the packages whose files are not there."""
    programs = dict(RUN_PROGRAMS) | (TEST_PROGRAMS if purpose == "test" else {})
    files = {**FONTS, **programs}
    missing = [name for name, soname in LIBRARIES.items() if not library(soname)]
    return missing + [
        name
        for name, paths in files.items()
        if not any(Path(path).exists() for path in paths.split(":"))
    ]


def library(soname: str) -> bool:
    """Return whether a shared library is on the machine."""
    for place in LIBRARY_PLACES:
        base = Path(place)
        if (base / soname).exists() or any(base.glob(f"*/{soname}")):
            return True
    return False


def make_environment(lock: Path) -> Path:
    """Return the python of a virtual environment that holds exactly what the lock names."""
    home = VAR / ("venv-" + lock.stem.replace("requirements", "").strip("-") or "venv")
    python = home / "bin" / "python"
    wanted = hashlib.sha256(lock.read_bytes() + sys.version.encode()).hexdigest()
    stamp = home / "stamp"
    if stamp.exists() and stamp.read_text() == wanted and python.exists():
        return python
    say(f"installing {lock.name} into {home.relative_to(VAR.parent)} (a minute or two, once)")
    shutil.rmtree(home, ignore_errors=True)
    uv = shutil.which("uv")
    if uv and works([uv]):
        # The local node builds software with pip: where the system has none, it uses ours.
        seed = [] if works([sys.executable, "-m", "pip"]) else ["--seed"]
        logged("venv", [uv, "venv", *seed, "--python", sys.executable, str(home)])
        installer = [uv, "pip", "install", "--python", str(python)]
    else:
        logged("venv", [sys.executable, "-m", "venv", "--without-pip", str(home)])
        installer = [*find_pip(), "--python", str(python), "install", "--disable-pip-version-check"]
    logged("packages", [*installer, "--require-hashes", "-r", str(lock)])
    stamp.write_text(wanted)
    say("installed")
    return python


def find_pip() -> list[str]:
    """Return how to run pip; as root on Debian it is installed when it is missing."""
    pip = [sys.executable, "-m", "pip"]
    if works(pip):
        return pip
    apt = shutil.which("apt-get")
    if apt and os.getuid() == 0:
        say("installing python3-pip from Debian")
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        logged("apt-update", [apt, "update"], environment, must=False)
        command = [apt, "install", "--yes", "--no-install-recommends", "python3-pip"]
        logged("apt-install", command, environment)
    if not works(pip):
        sys.exit("There is no pip. An administrator has to run:  apt-get install python3-pip")
    return pip


def works(program: list[str]) -> bool:
    """Return whether a program answers."""
    asked = subprocess.run([*program, "--version"], capture_output=True, check=False, timeout=60)
    return asked.returncode == 0


def logged(
    name: str, command: list[str], environment: "dict[str, str] | None" = None, must: bool = True
) -> None:
    """Run a command into a log; when it fails show the log's end, and stop if it must work."""
    log = VAR / "log" / f"setup-{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
        )
        code = attended(process, name)
    if code == 0:
        return
    tail = log.read_text(errors="replace")[-3000:]
    say(f"{' '.join(command[:4])} … failed ({log}):\n{tail}")
    if must:
        sys.exit(1)


def attended(process: "subprocess.Popen[bytes]", name: str) -> int:
    """Wait for a step, saying now and then that it is still at work; return its exit code."""
    until = time.monotonic() + LONGEST_SECONDS
    try:
        while time.monotonic() < until:
            try:
                return process.wait(HEARTBEAT_SECONDS)
            except subprocess.TimeoutExpired:
                say(f"… still at work ({name})")
        return 1
    finally:
        process.kill()


if __name__ == "__main__":
    main()
