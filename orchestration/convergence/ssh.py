"""SSH to the nodes that a worker can reach, with a pinned host key; every wait has an end."""

import base64
import io
import json
import socket
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import paramiko

from erp.base.errors import DomainError
from orchestration.convergence.carrier import (
    LONGEST_ANSWER,
    read_answer,
)
from orchestration.convergence.carrier import AgentRefused as AgentRefused
from orchestration.convergence.carrier import BadAnswer as BadAnswer
from orchestration.convergence.carrier import NodeUnreachable as NodeUnreachable
from orchestration.nodes.keys import new_key as new_key

CONNECT_SECONDS = 8.0
BANNER_SECONDS = 8.0
AUTH_SECONDS = 10.0
ANSWER_SECONDS = 20.0
# All of an answer: one that takes longer outlasts the lease of its pass.
LONGEST_SECONDS = 80.0
COMMAND_SECONDS = 900.0
CHUNK = 256 * 1024


class HostKeyChanged(DomainError):
    """The machine shows another host key than the one that was pinned: nothing was sent to it."""

    code = "host_key_changed"


class SignInRefused(DomainError):
    """The machine refuses the credential."""

    code = "sign_in_refused"


class CommandFailed(DomainError):
    """A command on the machine ended with an error."""

    code = "command_failed"


@dataclass(frozen=True, slots=True)
class Target:
    """Whom to connect to, and as whom. `host_key` empty: only the key is read, nothing is sent."""

    host: str
    port: int
    user: str
    host_key: str
    password: str = ""
    private_key: str = ""


class Connection:
    """One SSH connection; closes with its `with`."""

    def __init__(self, target: Target) -> None:
        self._transport = _connect(target)
        try:
            _check_host_key(self._transport, target)
            _sign_in(self._transport, target)
        except BaseException:
            self._transport.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the connection."""
        self._transport.close()

    @property
    def is_open(self) -> bool:
        """Return whether the connection stands, as far as this side knows."""
        return bool(self._transport.is_active())

    def run(self, command: str, *, given: bytes = b"") -> Iterator[str]:
        """Run a command with bytes on its input; yield the lines that it prints.

        Raises:
            CommandFailed: it ended with an error; its error output is in the message.
            NodeUnreachable: the connection broke, or nothing came for too long.
        """
        channel = self._channel(COMMAND_SECONDS)
        try:
            channel.exec_command(command)
            _send(channel, given)
            channel.shutdown_write()
            yield from _lines(channel)
            self._finish(channel, command)
        except (TimeoutError, paramiko.SSHException, OSError) as error:
            raise NodeUnreachable(f"`{command}`: the connection broke: {error}") from error
        finally:
            channel.close()

    def _finish(self, channel: paramiko.Channel, command: str) -> None:
        said = b""
        while len(said) < CHUNK and (chunk := channel.recv_stderr(CHUNK)):
            said += chunk
        code = channel.recv_exit_status()
        if code:
            text = said.decode("utf-8", "replace").strip()[-1500:]
            raise CommandFailed(f"`{command}` ended with {code}: {text or 'it said nothing'}")

    def session(self, command: str) -> "Session":
        """Open the line protocol with the resident agent."""
        channel = self._channel(ANSWER_SECONDS)
        try:
            channel.exec_command(command)
        except (TimeoutError, paramiko.SSHException, OSError) as error:
            channel.close()
            raise NodeUnreachable(f"The agent's session does not open: {error}") from error
        return Session(channel)

    def _channel(self, seconds: float) -> paramiko.Channel:
        try:
            channel = self._transport.open_session(timeout=ANSWER_SECONDS)
        except (TimeoutError, paramiko.SSHException, EOFError, OSError) as error:
            raise NodeUnreachable(f"No channel: {error}") from error
        channel.settimeout(seconds)
        return channel


class Session:
    """One line each way."""

    def __init__(self, channel: paramiko.Channel) -> None:
        self._channel = channel
        self._rest = b""

    def ask(self, message: Mapping[str, Any]) -> Mapping[str, Any]:
        """Send one message and return the answer.

        Raises:
            NodeUnreachable: nothing came in time, or the connection broke.
            BadAnswer: what came is too long or no message.
            AgentRefused: the agent's own refusal.
        """
        self.say(message)
        return self.hear()

    def say(self, message: Mapping[str, Any]) -> None:
        """Send one message; its answer is to be heard before the next is sent.

        Raises:
            NodeUnreachable: the connection broke.
        """
        try:
            _send(self._channel, json.dumps(message).encode() + b"\n")
        except (TimeoutError, paramiko.SSHException, OSError) as error:
            raise NodeUnreachable(f"The agent cannot be asked: {error}") from error

    def hear(
        self, *, seconds: float = ANSWER_SECONDS, most: float = LONGEST_SECONDS
    ) -> Mapping[str, Any]:
        """Return the answer to what was said.

        Args:
            seconds: how long each piece of it may take.
            most: how long all of it may take: who sends byte by byte holds up nobody else.

        Raises:
            NodeUnreachable, BadAnswer, AgentRefused: as `ask`.
        """
        try:
            self._channel.settimeout(seconds)
            line = self._line(time.monotonic() + most)
        except (TimeoutError, paramiko.SSHException, OSError) as error:
            raise NodeUnreachable(f"The agent does not answer: {error}") from error
        return read_answer(line)

    def _line(self, until: float) -> bytes:
        pieces = [self._rest]
        size = len(self._rest)
        while b"\n" not in pieces[-1]:
            chunk = self._channel.recv(CHUNK)
            if not chunk:
                raise OSError("the session was closed")
            if time.monotonic() > until:
                raise TimeoutError("it does not come to its end")
            pieces.append(chunk)
            size += len(chunk)
            if size > LONGEST_ANSWER:
                raise BadAnswer(f"The agent's answer is longer than {LONGEST_ANSWER} bytes.")
        line, self._rest = b"".join(pieces).split(b"\n", 1)
        return line


def read_host_key(host: str, port: int) -> str:
    """Return the key that a machine shows, for an operator to compare; nothing is sent to it."""
    transport = _connect(Target(host=host, port=port, user="", host_key=""))
    try:
        return _shown(transport)
    finally:
        transport.close()


def public_part(private_key: str) -> str:
    """Return the base64 of the public key: how its line in authorized_keys is found."""
    return _load_key(private_key).get_base64()


def _connect(target: Target) -> paramiko.Transport:
    where = f"{target.host}:{target.port}"
    try:
        line = socket.create_connection((target.host, target.port), timeout=CONNECT_SECONDS)
    except OSError as error:
        raise NodeUnreachable(f"{where} does not answer: {error}") from error
    transport = paramiko.Transport(line)
    transport.banner_timeout = BANNER_SECONDS
    transport.auth_timeout = AUTH_SECONDS
    transport.set_keepalive(15)
    if target.host_key:
        # Ask for the kind of key that was pinned: a machine has several.
        kind = target.host_key.split()[0]
        transport.get_security_options().key_types = _algorithms(kind)
    try:
        transport.start_client(timeout=BANNER_SECONDS)
    except (paramiko.SSHException, EOFError, OSError) as error:
        transport.close()
        raise NodeUnreachable(f"{where} does not speak SSH as it should: {error}") from error
    return transport


def _algorithms(kind: str) -> list[str]:
    return ["rsa-sha2-512", "rsa-sha2-256"] if kind == "ssh-rsa" else [kind]


def _shown(transport: paramiko.Transport) -> str:
    key = transport.get_remote_server_key()
    return f"{key.get_name()} {key.get_base64()}"


def _check_host_key(transport: paramiko.Transport, target: Target) -> None:
    shown, pinned = _shown(transport), " ".join(target.host_key.split()[:2])
    if shown != pinned:
        raise HostKeyChanged(
            f"{target.host}:{target.port} shows another host key than the pinned one. If the "
            "machine was installed anew, confirm the new key; else somebody is in between."
        )


def _load_key(text: str) -> paramiko.PKey:
    for kind in (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey):
        try:
            return kind.from_private_key(io.StringIO(text))
        except (paramiko.SSHException, ValueError, base64.binascii.Error):  # type: ignore[attr-defined]
            continue
    raise SignInRefused("The private key cannot be read: paste the whole file, without a password.")


def _sign_in(transport: paramiko.Transport, target: Target) -> None:
    try:
        if target.private_key:
            transport.auth_publickey(target.user, _load_key(target.private_key))
        else:
            transport.auth_password(target.user, target.password)
    except paramiko.AuthenticationException as error:
        what = "key" if target.private_key else "password"
        raise SignInRefused(
            f"{target.host} refuses user {target.user} with this {what}: check both and try again."
        ) from error
    except (paramiko.SSHException, EOFError, OSError) as error:
        raise NodeUnreachable(f"{target.host} broke off the sign-in: {error}") from error
    if not transport.is_authenticated():
        raise SignInRefused(f"{target.host} asks for more than one credential.")


def _send(channel: paramiko.Channel, content: bytes) -> None:
    for start in range(0, len(content), CHUNK):
        channel.sendall(content[start : start + CHUNK])


def _lines(channel: paramiko.Channel) -> Iterator[str]:
    rest, size = b"", 0
    while chunk := channel.recv(CHUNK):
        size += len(chunk)
        if size > LONGEST_ANSWER:
            raise BadAnswer(f"The command printed more than {LONGEST_ANSWER} bytes.")
        *lines, rest = (rest + chunk).split(b"\n")
        yield from (line.decode("utf-8", "replace") for line in lines)
    if rest:
        yield rest.decode("utf-8", "replace")
