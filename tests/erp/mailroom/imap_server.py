"""A small IMAP server on a real socket: the few commands of RFC 3501 that a fetch needs.

It refuses what a real one refuses: commands before the login, in no folder, with a wrong password,
of unknown messages, and what it cannot parse.
"""

import re
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

USER, PASSWORD = "desk", "a secret"


@dataclass
class Folder:
    """Mails by UID, which of them are seen, and what clients asked for."""

    mails: dict[int, bytes] = field(default_factory=dict)
    seen: set[int] = field(default_factory=set)
    log: list[str] = field(default_factory=list)
    # What goes wrong: the command after which the connection is cut, and the sizes that are told.
    cut_at: str = ""
    told_sizes: dict[int, int] = field(default_factory=dict)

    def add(self, raw: bytes) -> int:
        uid = len(self.mails) + 101
        self.mails[uid] = raw
        return uid


class _Session(socketserver.StreamRequestHandler):
    folder: Folder

    def handle(self) -> None:
        self.state = "new"
        self._say("* OK ready")
        for line in self.rfile:
            tag, _, rest = line.decode("ascii", "replace").strip().partition(" ")
            words = re.findall(r'"(?:[^"\\]|\\.)*"|\([^)]*\)|\S+', rest)
            if not words:
                self._say(f"{tag} BAD nothing asked")
                continue
            command = words.pop(0).upper()
            if command == "UID" and words:
                command = f"UID {words.pop(0).upper()}"
            self.folder.log.append(" ".join([command, *words]))
            if command == self.folder.cut_at:
                return
            answer = self._answer(command, [word.strip('"') for word in words])
            self._say(f"{tag} {answer}")
            if command == "LOGOUT":
                return

    def _say(self, line: str) -> None:
        self.wfile.write(line.encode() + b"\r\n")

    def _answer(self, command: str, words: list[str]) -> str:
        if command == "CAPABILITY":
            self._say("* CAPABILITY IMAP4rev1")
            return "OK done"
        if command == "LOGOUT":
            self._say("* BYE")
            return "OK done"
        if command == "LOGIN":
            if words != [USER, PASSWORD]:
                return "NO [AUTHENTICATIONFAILED] wrong name or password"
            self.state = "in"
            return "OK done"
        if self.state == "new":
            return "BAD log in first"
        if command == "SELECT":
            if words != ["INBOX"]:
                return "NO no such mailbox"
            self.state = "selected"
            self._say(f"* {len(self.folder.mails)} EXISTS")
            return "OK [READ-WRITE]"
        return self._in_folder(command, words) if self.state == "selected" else "BAD select first"

    def _in_folder(self, command: str, words: list[str]) -> str:
        if command == "UID SEARCH":
            if words != ["UNSEEN"]:
                return "BAD unknown search"
            found = sorted(set(self.folder.mails) - self.folder.seen)
            self._say(" ".join(["* SEARCH", *map(str, found)]))
            return "OK done"
        if not words or not words[0].isdigit() or int(words[0]) not in self.folder.mails:
            return (
                "OK nothing of it" if command == "UID FETCH" else "BAD no such command or message"
            )
        uid = int(words[0])
        if command == "UID FETCH":
            return self._fetch(uid, words[1])
        if command == "UID STORE" and words[1:] == ["+FLAGS.SILENT", r"(\Seen)"]:
            self.folder.seen.add(uid)
            return "OK done"
        return "BAD unknown command"

    def _fetch(self, uid: int, what: str) -> str:
        raw = self.folder.mails[uid]
        number = sorted(self.folder.mails).index(uid) + 1
        if what == "(RFC822.SIZE)":
            size = self.folder.told_sizes.get(uid, len(raw))
            self._say(f"* {number} FETCH (UID {uid} RFC822.SIZE {size})")
            return "OK done"
        if what not in ("(BODY.PEEK[])", "(BODY.PEEK[HEADER])"):
            return "BAD unknown item"
        if "HEADER" in what:
            raw = raw.partition(b"\n\n")[0] + b"\n\n"
        name = what.strip("()").replace(".PEEK", "")
        self._say(f"* {number} FETCH (UID {uid} {name} {{{len(raw)}}}")
        self.wfile.write(raw + b")\r\n")
        return "OK done"


@contextmanager
def serving(folder: Folder) -> Iterator[int]:
    """Serve a folder on a free port."""
    handler = type("Session", (_Session,), {"folder": folder})
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()
