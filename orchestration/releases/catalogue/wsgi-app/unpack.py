"""Unpack what somebody else packed: nothing leads outside, and nothing is without bounds."""

import os
import posixpath
import shutil
import stat
import tarfile
import zipfile

from failure import Failed

MOST_FILES = 20_000
MOST_BYTES = 512 * 1024 * 1024
LONGEST_LINK = 4096
PIECE = 1024 * 1024


class Unpacking:
    """One archive on its way into a directory."""

    def __init__(self, place):
        self.place = place
        self.files, self.bytes, self.links = 0, 0, []

    def inside(self, name):
        """Return where a name leads.

        Raises:
            Failed: it leads outside, or to what is there already.
        """
        clean = posixpath.normpath(name)
        if name.startswith("/") or "\\" in name or "\0" in name or clean.split("/")[0] == "..":
            raise Failed(f"the archive holds something that leads outside: {name[:200]}")
        return self.place / clean

    def file(self, name, stream, is_program):
        """Write one file, piece by piece: a header may say any size."""
        path = self.inside(name)
        self._one_more()
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            while piece := stream.read(PIECE):
                self.bytes += len(piece)
                if self.bytes > MOST_BYTES:
                    raise Failed(f"the archive unpacks to more than {MOST_BYTES >> 20} MiB")
                file.write(piece)
        path.chmod(0o750 if is_program else 0o640)

    def directory(self, name):
        """Make one directory."""
        self._one_more()
        self.inside(name).mkdir(parents=True, exist_ok=True)

    def link(self, name, target):
        """Remember a link that stays inside; it is made when no more file can be led astray."""
        self._one_more()
        self.inside(name)
        if len(target) > LONGEST_LINK or target.startswith("/"):
            raise Failed(f"the archive holds a link that leads outside: {name[:200]}")
        self.inside(posixpath.join(posixpath.dirname(name), target))
        self.links.append((name, target))

    def finish(self):
        """Make the links."""
        for name, target in self.links:
            path = self.inside(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            os.symlink(target, path)
        for name, _ in self.links:
            # Links over links: only what they lead to in the end counts.
            real = os.path.realpath(self.inside(name))
            if not real.startswith(str(self.place.resolve()) + os.sep):
                raise Failed(f"the archive holds a link that leads outside: {name[:200]}")

    def _one_more(self):
        self.files += 1
        if self.files > MOST_FILES:
            raise Failed(f"the archive holds more than {MOST_FILES} files")


def unpack(path, place):
    """Unpack a tar (also compressed) or zip file into an empty directory.

    Raises:
        Failed: it is no archive, or holds what it may not.
    """
    work = Unpacking(place)
    try:
        if zipfile.is_zipfile(path):
            _unzip(path, work)
        else:
            with open(path, "rb") as file:
                untar(file, work)
        work.finish()
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError, ValueError) as error:
        raise Failed(f"the archive cannot be unpacked: {error}") from error


def untar(stream, work):
    """Unpack a stream of tar, entry by entry."""
    with tarfile.open(fileobj=stream, mode="r|*") as tar:
        for entry in tar:
            if entry.isdir():
                work.directory(entry.name)
            elif entry.issym():
                work.link(entry.name, entry.linkname)
            elif entry.isreg():
                work.file(entry.name, tar.extractfile(entry), bool(entry.mode & 0o100))
            else:
                raise Failed(f"the archive holds neither file, directory nor link: {entry.name}")


def _unzip(path, work):
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            mode = entry.external_attr >> 16
            with archive.open(entry) as stream:
                if entry.is_dir():
                    work.directory(entry.filename)
                elif stat.S_ISLNK(mode):
                    work.link(entry.filename, stream.read(LONGEST_LINK + 1).decode())
                else:
                    work.file(entry.filename, stream, bool(mode & 0o100))


def root_of(place):
    """Return the directory of the application: archives often hold one directory around all."""
    inside = list(place.iterdir())
    if len(inside) == 1 and inside[0].is_dir() and not inside[0].is_symlink():
        return inside[0]
    return place


def remove(place):
    """Remove a directory and all in it, if it is there."""
    shutil.rmtree(place, ignore_errors=True)
