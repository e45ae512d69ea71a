"""Fetch the source of the application: a commit of a git repository, or an archive."""

import hashlib
import os
import shutil
import subprocess
import urllib.error
import urllib.request

from bounded import limit
from failure import Failed
from unpack import Unpacking, unpack, untar

LARGEST_ARCHIVE = 256 * 1024 * 1024
SILENCE_SECONDS = 30
PIECE = 256 * 1024
NO_GIT = (
    "git is not installed on this node: give the address of an archive and its SHA-256 instead, "
    "or ask the operator of the node to install git"
)


def fetch(asked, place, bounds):
    """Put the source into a directory.

    Raises:
        Failed: it cannot be had, or is not what was asked for.
    """
    if bool(asked["commit"]) == bool(asked["sha256"]):
        raise Failed("give either a commit (of a git repository) or a SHA-256 (of an archive)")
    if not asked["source"].startswith(("http://", "https://")):
        raise Failed("the source begins with http:// or https://")
    place.mkdir()
    if asked["commit"]:
        _from_git(asked["source"], asked["commit"], place, bounds)
    else:
        _from_archive(asked["source"], asked["sha256"], place, bounds)


class _OverHttp(urllib.request.HTTPRedirectHandler):
    """Follows to where the web is, and nowhere else."""

    def redirect_request(self, request, file, code, message, headers, url):
        if not url.startswith(("http://", "https://")):
            raise Failed(f"the source leads to {url[:100]}")
        return super().redirect_request(request, file, code, message, headers, url)


def _from_archive(url, sha256, place, bounds):
    path = place.with_name("archive")
    digest, size = hashlib.sha256(), 0
    try:
        opener = urllib.request.build_opener(_OverHttp)
        with (
            opener.open(url, timeout=min(SILENCE_SECONDS, bounds.left())) as answer,
            path.open("wb") as file,
        ):
            while piece := answer.read(PIECE):
                bounds.left()
                size += len(piece)
                if size > LARGEST_ARCHIVE:
                    raise Failed(f"the archive is larger than {LARGEST_ARCHIVE >> 20} MiB")
                digest.update(piece)
                file.write(piece)
    except (OSError, ValueError, urllib.error.URLError) as error:
        raise Failed(f"{url[:200]} cannot be fetched: {error}") from error
    if digest.hexdigest() != sha256:
        raise Failed(f"the archive is another: its SHA-256 is {digest.hexdigest()}")
    unpack(path, place)
    path.unlink()


def _from_git(url, commit, place, bounds):
    """Fetch one commit alone; servers that do not give one by its name give all."""
    if shutil.which("git") is None:
        raise Failed(NO_GIT)
    repository = place.with_name("repository")
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(place.parent),
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_ALLOW_PROTOCOL": "https:http",
    }

    def git(*arguments, what):
        command = ["git", "--git-dir", str(repository), *arguments]
        bounds.run(command, directory=place.parent, environment=environment, what=what)

    git("init", "--quiet", "--bare", what="making a repository")
    try:
        git("fetch", "--quiet", "--depth=1", "--no-tags", url, commit, what="fetching the commit")
    except Failed:
        everything = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
        git("fetch", "--quiet", url, *everything, what=f"fetching {url[:200]}")
    git("cat-file", "-e", commit + "^{commit}", what=f"finding the commit {commit}")
    _unpack_commit(repository, commit, place, environment, bounds)
    shutil.rmtree(repository)


def _unpack_commit(repository, commit, place, environment, bounds):
    """Write the files of a commit through the same bounds as those of an archive."""
    command = ["git", "--git-dir", str(repository), "archive", "--format=tar", commit]
    with (
        bounds.log.open("ab") as log,
        subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            preexec_fn=limit,
        ) as process,
    ):
        try:
            work = Unpacking(place)
            untar(process.stdout, work)
            work.finish()
        finally:
            process.kill()
