"""One encrypted file with several named parts, written and read as a stream.

A header, then frames: kind, length, ciphertext. Each frame is sealed with AES-GCM under a key of
this file alone (HKDF of the backup key and the file's salt); its place in the file and its kind are
bound to it, so that frames cannot be left out, repeated, swapped, or the end cut off unseen.
"""

import os
import struct
from collections.abc import Iterator
from typing import IO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from erp.base.errors import DomainError

MAGIC = b"tenantry-backup/1\n"
SALT = 32
CHUNK = 1024 * 1024
# A part begins with its name, has data, and the last frame of the file is its end.
PART, DATA, END = b"P", b"D", b"E"
_HEAD = struct.Struct(">cI")


class BadArchive(DomainError):
    """This is no backup, was made with another key, or is damaged."""

    code = "bad_archive"


class _Sealer:
    """Seals and opens the frames of one file, in order."""

    def __init__(self, key: bytes, salt: bytes) -> None:
        derived = HKDF(SHA256(), 32, salt=salt, info=MAGIC).derive(key)
        self._cipher, self._count = AESGCM(derived), 0

    def _nonce(self) -> bytes:
        self._count += 1
        return self._count.to_bytes(12, "big")

    def seal(self, kind: bytes, content: bytes) -> bytes:
        sealed = self._cipher.encrypt(self._nonce(), content, kind)
        return _HEAD.pack(kind, len(sealed)) + sealed

    def open(self, kind: bytes, sealed: bytes) -> bytes:
        try:
            return self._cipher.decrypt(self._nonce(), sealed, kind)
        except InvalidTag as error:
            raise BadArchive from error


class Writer:
    """Writes parts one after the other; `close` ends the file."""

    def __init__(self, file: IO[bytes], key: bytes) -> None:
        salt = os.urandom(SALT)
        self._file, self._sealer = file, _Sealer(key, salt)
        file.write(MAGIC + salt)

    def part(self, name: str) -> None:
        """Begin a part."""
        self._file.write(self._sealer.seal(PART, name.encode()))

    def write(self, content: bytes) -> None:
        """Write some of the part that was begun last."""
        for start in range(0, len(content), CHUNK):
            self._file.write(self._sealer.seal(DATA, content[start : start + CHUNK]))

    def close(self) -> None:
        """Write the end, and see that it is on the disk."""
        self._file.write(self._sealer.seal(END, b""))
        self._file.flush()
        os.fsync(self._file.fileno())


def read(file: IO[bytes], key: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the content of a file as (part, piece), in order; a part without content once, empty.

    Raises:
        BadArchive: another key, damage, or an end that is missing: what was yielded before it is
            what was written, but not all of it.
    """
    if file.read(len(MAGIC)) != MAGIC:
        raise BadArchive
    salt = file.read(SALT)
    if len(salt) != SALT:
        raise BadArchive
    sealer, name = _Sealer(key, salt), ""
    while True:
        head = file.read(_HEAD.size)
        if len(head) != _HEAD.size:
            raise BadArchive
        kind, length = _HEAD.unpack(head)
        if length > CHUNK + 16:
            raise BadArchive
        sealed = file.read(length)
        if len(sealed) != length:
            raise BadArchive
        content = sealer.open(kind, sealed)
        if kind == END:
            break
        if kind == PART:
            name = content.decode()
        yield name, b"" if kind == PART else content
    if file.read(1):
        raise BadArchive
