"""What a node that backs up may do at the store: read, and add what is new. Nothing else.

The forced command of a repository's key: `vault DIRECTORY MOST_BYTES`. It speaks SFTP (version 3,
as restic's client does) on standard input and output. Names are those of restic's repository and
no others, so no path leads outside. What was stored is never changed or removed here, whoever
holds the key: only locks and unfinished files go. Old snapshots are removed by the store itself.
"""

import errno
import fcntl
import hashlib
import os
import re
import signal
import stat
import struct
import sys

# A backup that takes longer is begun again; a session without a word ends.
LONGEST_SECONDS = 12 * 3600
IDLE_SECONDS = 900
LONGEST_PACKET = 1024 * 1024
MOST_HANDLES = 256
MOST_READ = 256 * 1024
FOLDERS = ("data", "index", "snapshots", "keys", "locks")
_ID = r"[0-9a-f]{64}"
_TEMP = r"-restic-temp-[0-9A-Za-z_-]{1,60}"
_FILE = re.compile(
    rf"(config|(?:index|snapshots|keys|locks)/{_ID}|data/[0-9a-f]{{2}}/{_ID})({_TEMP})?"
)
_FOLDER = re.compile(r"|data(/[0-9a-f]{2})?|index|snapshots|keys|locks")

INIT, VERSION, OPEN, CLOSE, READ, WRITE, LSTAT, FSTAT, SETSTAT, FSETSTAT = range(1, 11)
OPENDIR, READDIR, REMOVE, MKDIR, RMDIR, REALPATH, STAT, RENAME = range(11, 19)
STATUS, HANDLE, DATA, NAME, ATTRS = range(101, 106)
OK, EOF, NO_FILE, DENIED, FAILURE, BAD, UNSUPPORTED = 0, 1, 2, 3, 4, 5, 8
WANTS_WRITE, WANTS_CREATE, WANTS_NEW = 2, 8, 32


class Refused(Exception):
    """This is not done here."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


class File:
    """An open file; of one that is written, the hash grows with it while it is written in order."""

    def __init__(self, handle, name, is_new):
        self.handle, self.name, self.is_new = handle, name, is_new
        self.hash, self.size, self.in_order = hashlib.sha256(), 0, True

    def write(self, offset, content):
        """Write a piece where it belongs."""
        if offset == self.size and self.in_order:
            self.hash.update(content)
        else:
            self.in_order = False
        self.size = max(self.size, offset + len(content))
        while content:
            count = os.pwrite(self.handle, content, offset)
            offset, content = offset + count, content[count:]


class Vault:
    """One session on one repository."""

    def __init__(self, directory, most_bytes):
        self.root = str(directory)
        self.most_bytes = most_bytes
        self.handles, self.count, self.hashes = {}, 0, {}
        make(self.root)
        self.held = size_of(self.root)

    # What is asked, by its kind.

    def answer(self, kind, body):
        """Return (kind, content) of the answer."""
        asked = {
            OPEN: self.open, CLOSE: self.close, READ: self.read, WRITE: self.write,
            LSTAT: self.stat, STAT: self.stat, FSTAT: self.fstat, OPENDIR: self.opendir,
            READDIR: self.readdir, REMOVE: self.remove, MKDIR: self.mkdir, REALPATH: self.realpath,
            RENAME: self.rename, SETSTAT: self.leave, FSETSTAT: self.leave, RMDIR: self.refuse,
        }.get(kind)  # fmt: skip
        if asked is None:
            raise Refused(UNSUPPORTED, "this is not done here")
        return asked(Reader(body))

    def open(self, body):
        """Open a file to read, or a new unfinished one to write."""
        name, flags = self._file(body.text()), body.number()
        if len(self.handles) >= MOST_HANDLES:
            raise Refused(FAILURE, "too many open files")
        if not flags & WANTS_WRITE:
            return self._keep(os.open(self._path(name), os.O_RDONLY | os.O_NOFOLLOW), name, False)
        if not is_unfinished(name) and not name.startswith("locks/"):
            raise Refused(DENIED, "what is stored is never changed")
        if not flags & WANTS_CREATE or not flags & WANTS_NEW:
            raise Refused(DENIED, "only new files are written")
        how = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        return self._keep(os.open(self._path(name), how, 0o600), name, True)

    def _keep(self, handle, name, is_new):
        self.count += 1
        key = str(self.count).encode()
        self.handles[key] = File(handle, name, is_new)
        return HANDLE, text(key)

    def close(self, body):
        """Close; what was written is on disk before it is said to be."""
        file = self.handles.pop(body.text(), None)
        if isinstance(file, File):
            if file.is_new:
                os.fsync(file.handle)
                self.hashes[file.name] = file.hash.hexdigest() if file.in_order else None
            os.close(file.handle)
        return status(OK)

    def read(self, body):
        """Return a piece of a file."""
        file, offset, length = self._of(body), body.long(), body.number()
        content = os.pread(file.handle, min(length, MOST_READ), offset)
        return (DATA, text(content)) if content else status(EOF)

    def write(self, body):
        """Take a piece of a new file, within what the repository may hold."""
        file, offset, content = self._of(body), body.long(), body.text()
        if not file.is_new:
            raise Refused(DENIED, "this file is open for reading")
        grown = max(0, offset + len(content) - file.size)
        if self.held + grown > self.most_bytes:
            raise Refused(FAILURE, f"the repository may hold {self.most_bytes:,} bytes: it is full")
        self.held += grown
        file.write(offset, content)
        return status(OK)

    def _of(self, body):
        file = self.handles.get(body.text())
        if not isinstance(file, File):
            raise Refused(FAILURE, "no such open file")
        return file

    def stat(self, body):
        """Return what a file is."""
        return ATTRS, attributes(os.lstat(self._path(self._any(body.text()))))

    def fstat(self, body):
        """Return what an open file is."""
        return ATTRS, attributes(os.fstat(self._of(body).handle))

    def opendir(self, body):
        """Begin to list a folder."""
        folder = self._any(body.text())
        names = sorted(one.name for one in os.scandir(self._path(folder)))
        self.count += 1
        key = str(self.count).encode()
        self.handles[key] = [(one, f"{folder}/{one}".lstrip("/")) for one in names]
        return HANDLE, text(key)

    def readdir(self, body):
        """Go on listing a folder, some names at a time."""
        left = self.handles.get(body.text())
        if not isinstance(left, list):
            raise Refused(FAILURE, "no such open folder")
        some, found = left[:100], []
        del left[:100]
        for name, place in some:
            try:
                facts = attributes(os.lstat(self._path(place)))
            except FileNotFoundError:
                continue
            found.append(text(name.encode()) + text(name.encode()) + facts)
        if not some:
            return status(EOF)
        return NAME, struct.pack(">I", len(found)) + b"".join(found)

    def remove(self, body):
        """Remove a lock or an unfinished file; nothing that is stored."""
        name = self._file(body.text())
        if not is_unfinished(name) and not name.startswith("locks/"):
            raise Refused(DENIED, "what is stored is not removed by who stored it")
        os.unlink(self._path(name))
        return status(OK)

    def rename(self, body):
        """Give a finished file its name, once: its content is what the name says."""
        source, target = self._file(body.text()), self._file(body.text())
        is_its_own = is_unfinished(source) and source.startswith(target + "-restic-temp-")
        if not is_its_own or is_unfinished(target):
            raise Refused(DENIED, "what is stored keeps its name")
        if target.startswith("keys/") and os.path.exists(self._path("config")):
            raise Refused(DENIED, "the repository has its key")
        if target != "config" and self._hash(source) != target.rpartition("/")[2]:
            raise Refused(FAILURE, "the content is not what the name says")
        # Unlike a rename, a link never replaces what is there.
        os.link(self._path(source), self._path(target))
        os.unlink(self._path(source))
        return status(OK)

    def _hash(self, name):
        known = self.hashes.pop(name, None)
        if known:
            return known
        with open(self._path(name), "rb") as file:
            found = hashlib.sha256()
            for chunk in iter(lambda: file.read(MOST_READ), b""):
                found.update(chunk)
        return found.hexdigest()

    def mkdir(self, body):
        """Every folder is there already."""
        self._any(body.text())
        return status(OK)

    def realpath(self, body):
        """Return the name by which the client goes on."""
        place = body.text().decode("utf-8", "replace")
        name = place.encode() if place not in ("", ".") else b"/"
        return NAME, struct.pack(">I", 1) + text(name) + text(name) + struct.pack(">I", 0)

    def leave(self, body):
        """Times and modes are the store's own: nothing changes."""
        return status(OK)

    def refuse(self, body):
        """Folders stay."""
        raise Refused(DENIED, "folders stay")

    # Names.

    def _any(self, raw):
        name = inside(raw)
        if not _FOLDER.fullmatch(name) and not _FILE.fullmatch(name):
            raise Refused(NO_FILE, "no repository has such a file")
        return name

    def _file(self, raw):
        name = inside(raw)
        if not _FILE.fullmatch(name):
            raise Refused(DENIED, "no repository has such a file")
        return name

    def _path(self, name):
        return os.path.join(self.root, name) if name else self.root


class Reader:
    """Takes a packet apart."""

    def __init__(self, body):
        self.body, self.at = body, 0

    def number(self):
        """Return four bytes as a number."""
        (found,) = struct.unpack_from(">I", self.body, self.at)
        self.at += 4
        return found

    def long(self):
        """Return eight bytes as a number."""
        (found,) = struct.unpack_from(">Q", self.body, self.at)
        self.at += 8
        return found

    def text(self):
        """Return bytes with their length in front."""
        length = self.number()
        found = self.body[self.at : self.at + length]
        if len(found) < length:
            raise Refused(BAD, "the packet is too short")
        self.at += length
        return found


def inside(raw):
    """Return a name below the repository: clients call it `r`."""
    parts = [one for one in raw.decode("utf-8", "replace").split("/") if one not in ("", ".")]
    return "/".join(parts[1:] if parts[:1] == ["r"] else parts)


def is_unfinished(name):
    """Return whether a file has not got its name yet."""
    return "-restic-temp-" in name


def text(content):
    """Return bytes with their length in front."""
    return struct.pack(">I", len(content)) + content


def status(code, message=""):
    """Return an answer that is only good or bad news."""
    return STATUS, struct.pack(">I", code) + text(message.encode()) + text(b"")


def attributes(facts):
    """Return size, mode and times as SFTP writes them."""
    times = int(facts.st_atime) & 0xFFFFFFFF, int(facts.st_mtime) & 0xFFFFFFFF
    return struct.pack(">IQIII", 1 | 4 | 8, facts.st_size, facts.st_mode, *times)


def make(root):
    """Make every folder of a repository."""
    folders = [*FOLDERS, *(f"data/{number:02x}" for number in range(256))]
    for folder in folders:
        os.makedirs(os.path.join(root, folder), mode=0o700, exist_ok=True)


def size_of(root):
    """Return the bytes of all files of a repository."""
    total = 0
    for folder, _, names in os.walk(root):
        for name in names:
            try:
                facts = os.lstat(os.path.join(folder, name))
            except FileNotFoundError:
                continue
            total += facts.st_size if stat.S_ISREG(facts.st_mode) else 0
    return total


def main(directory, most_bytes):
    """Serve one session; while the store tidies up, there is none."""
    os.umask(0o077)
    signal.alarm(LONGEST_SECONDS)
    lock = os.open(directory + ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        print("the store is tidying this repository: try again", file=sys.stderr)
        return 1
    serve(Vault(directory, int(most_bytes)), sys.stdin.buffer, sys.stdout.buffer)
    return 0


def serve(vault, incoming, outgoing):
    """Answer packets until the client leaves."""
    signal.signal(signal.SIGALRM, lambda *_: sys.exit(1))
    while True:
        signal.alarm(IDLE_SECONDS)
        packet = _packet(incoming)
        if packet is None:
            return
        kind = packet[0]
        if kind == INIT:
            _send(outgoing, VERSION, struct.pack(">I", 3))
            continue
        number, body = packet[1:5], packet[5:]
        try:
            answered, content = vault.answer(kind, body)
        except Refused as refusal:
            answered, content = status(refusal.code, str(refusal))
        except FileNotFoundError:
            answered, content = status(NO_FILE, "no such file")
        except (OSError, struct.error) as error:
            word = errno.errorcode.get(getattr(error, "errno", 0) or 0, "FAILURE")
            answered, content = status(FAILURE, word)
        _send(outgoing, answered, number + content)


def _packet(incoming):
    head = incoming.read(4)
    if len(head) < 4:
        return None
    (length,) = struct.unpack(">I", head)
    if not 1 <= length <= LONGEST_PACKET:
        return None
    packet = incoming.read(length)
    return packet if len(packet) == length and (packet[0] == INIT or length >= 5) else None


def _send(outgoing, kind, content):
    outgoing.write(struct.pack(">IB", len(content) + 1, kind) + content)
    outgoing.flush()
