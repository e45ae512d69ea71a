"""An SSH server for the local node where Debian's openssh-server is not installed.

It does what the Master asks of a node and no more: public keys from `authorized_keys`, forced
commands, programs with standard input and output and their exit code. No terminal, no forwarding.

    python -m config.embedded.stand_in DIRECTORY PORT PATH
"""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import asyncssh

_CHUNK_BYTES = 64 * 1024


def main() -> None:
    """Serve until ended."""
    directory, port, path = sys.argv[1:]
    asyncio.run(serve(Path(directory), port=int(port), path=path))


async def serve(directory: Path, *, port: int, path: str) -> None:
    """Listen on 127.0.0.1 and run what comes, as this user."""
    environment = {**_clean(), "PATH": path}

    async def handle(process: asyncssh.SSHServerProcess[bytes]) -> None:
        await _run(process, environment)

    listener = await asyncssh.listen(
        "127.0.0.1",
        port,
        server_factory=lambda: _Server(directory / "authorized_keys"),
        server_host_keys=[str(directory / "host_key")],
        process_factory=handle,
        encoding=None,
        allow_pty=False,
        agent_forwarding=False,
        x11_forwarding=False,
    )
    await listener.wait_closed()


def _clean() -> dict[str, str]:
    """Return what a login gives: none of the Master's secrets."""
    return {name: os.environ[name] for name in ("HOME", "USER", "LANG") if name in os.environ}


class _Server(asyncssh.SSHServer):
    """Reads the keys anew for every connection, as OpenSSH does."""

    def __init__(self, keys: Path) -> None:
        self._keys = keys

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        """Remember the connection: it takes the keys."""
        self._connection = conn

    def begin_auth(self, username: str) -> bool:
        """Demand a key from everybody; without one in the file nobody comes in."""
        text = self._keys.read_text().strip()
        if text:
            self._connection.set_authorized_keys(asyncssh.import_authorized_keys(text))
        return True


async def _run(process: asyncssh.SSHServerProcess[bytes], environment: dict[str, str]) -> None:
    """Run the command (the forced one, where the key has one) and pass everything on."""
    forced = process.get_extra_info("connection").get_key_option("command")
    command = str(forced or process.command or "")
    if not command:
        process.exit(1)
        return
    if forced and process.command:
        environment = {**environment, "SSH_ORIGINAL_COMMAND": process.command}
    child = await asyncio.create_subprocess_exec(
        "/bin/sh",
        "-c",
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        cwd=environment.get("HOME", "/"),
        start_new_session=True,
    )
    assert child.stdin and child.stdout and child.stderr
    feeding = asyncio.create_task(_pump_in(process.stdin, child.stdin))
    await asyncio.gather(
        _pump_out(child.stdout, process.stdout), _pump_out(child.stderr, process.stderr)
    )
    code = await child.wait()
    feeding.cancel()
    process.exit(code if code >= 0 else 128 - code)


async def _pump_in(source: asyncssh.SSHReader[bytes], sink: asyncio.StreamWriter) -> None:
    try:
        while data := await source.read(_CHUNK_BYTES):
            sink.write(data)
            await sink.drain()
    except (OSError, asyncssh.Error):
        return
    finally:
        sink.close()


async def _pump_out(source: asyncio.StreamReader, sink: asyncssh.SSHWriter[bytes]) -> None:
    while data := await source.read(_CHUNK_BYTES):
        try:
            sink.write(data)
            await sink.drain()
        except (OSError, asyncssh.Error):
            return


if __name__ == "__main__":
    main()
