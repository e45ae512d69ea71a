"""The WSGI release of the catalogue, as it runs: versions beside each other, over a real socket."""

import hashlib
import http.client
import io
import json
import os
import signal
import subprocess
import tarfile
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from orchestration.releases.services import CATALOGUE
from tests.catalogue.building import PYTHON, built, free_ports, parts, wait_for

PROGRAM = CATALOGUE / "wsgi-app"

APP = """\
import os, time
VERSION = {version!r}
{more}
def application(environ, start_response):
    if environ["PATH_INFO"] == "/slow":
        time.sleep(2)
    text = " ".join([VERSION, os.environ["DATABASE_URL"], os.environ.get("COLOUR", "")])
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [text.strip().encode()]
"""


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def a_web(directory: Path) -> Iterator[str]:
    """Serve a directory; sources lie there."""
    directory.mkdir(exist_ok=True)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(directory)))
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


class App:
    """The release's own program as a node runs it, with a partition's directory."""

    def __init__(self, place: Path, libraries: Path, web: Path, url: str) -> None:
        self.place, self.libraries, self.web, self.url = place, libraries, web, url
        (place / "data").mkdir(parents=True)
        (self.port,) = free_ports(1)
        self.config = place / "app.json"
        self.asked: dict[str, object] = {
            "address": "127.0.0.1",
            "addresses": "127.0.0.1,::1",
            "port": self.port,
            "database_url": "postgresql://here",
            "secret": "s",
            "commit": "",
            "sha256": "",
            "module": "app:application",
            "requirements": "requirements.txt",
            "prepare": [],
            "workers": 2,
            "threads": 2,
            "health": "/",
            "forwarded_from": "",
            "environment": {},
        }
        self.process: subprocess.Popen[bytes] | None = None
        self.environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(place)}

    def packed(self, version: str, more: str = "", **files: str) -> dict[str, object]:
        """Put an archive onto the web; return the parameters that name it."""
        content = io.BytesIO()
        texts = {"app.py": APP.format(version=version, more=more), **files}
        with tarfile.open(fileobj=content, mode="w:gz") as tar:
            for name, text in texts.items():
                entry = tarfile.TarInfo(f"project-{version}/{name}")
                entry.size = len(text.encode())
                tar.addfile(entry, io.BytesIO(text.encode()))
        (self.web / f"{version}.tar.gz").write_bytes(content.getvalue())
        digest = hashlib.sha256(content.getvalue()).hexdigest()
        return {"source": f"{self.url}/{version}.tar.gz", "sha256": digest}

    def ask(self, **changes: object) -> None:
        """Change what is asked, as the node does."""
        self.asked |= changes
        new = self.config.with_suffix(".new")
        new.write_text(json.dumps(self.asked))
        new.rename(self.config)

    def start(self) -> None:
        with (self.place / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [PYTHON, "-B", str(PROGRAM / "serve.py"), str(self.libraries), str(self.config)],
                env=self.environment,
                cwd=self.place,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def stop(self) -> int:
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(10)

    def look(self, what: str = "version") -> str:
        command = [PYTHON, "-B", str(PROGRAM / "look.py"), what, str(self.config)]
        done = subprocess.run(command, capture_output=True, text=True)
        assert (done.returncode == 0) == (done.stderr == "")
        return done.stderr.strip()

    def until(self, look: str = "") -> None:
        wait_for(
            lambda: self.look().startswith(look) and (look != "" or not self.look()), what=look
        )

    def get(self, path: str = "/", *, address: str = "127.0.0.1") -> str:
        with closing(http.client.HTTPConnection(address, self.port, timeout=10)) as link:
            link.request("GET", path)
            return link.getresponse().read().decode()

    def requests(self) -> int:
        path = self.place / "data" / "requests"
        return int(path.read_text()) if path.exists() else 0


@pytest.fixture(scope="module")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built("wsgi-app", tmp_path_factory.mktemp("built")) / "lib"


@pytest.fixture
def app(libraries: Path, tmp_path: Path) -> Iterator[App]:
    with a_web(tmp_path / "web") as url:
        one = App(tmp_path / "partition", libraries, tmp_path / "web", url)
        yield one
        if one.process and one.process.poll() is None:
            one.stop()


def test_an_archive_is_installed_and_runs_with_its_database_and_environment(app: App) -> None:
    app.ask(**app.packed("one"), environment={"COLOUR": "red"})
    app.start()
    app.until()
    assert app.get() == "one postgresql://here red"
    assert app.get(address="::1") == app.get()
    assert app.look("answers") == ""
    assert app.stop() == 0
    with pytest.raises(OSError):
        app.get()


def test_another_version_takes_over_without_a_lost_request(app: App) -> None:
    app.ask(**app.packed("one"))
    app.start()
    app.until()
    ended, said = threading.Event(), []

    def load() -> None:
        while not ended.is_set():
            try:
                said.append(app.get())
            except OSError as error:
                said.append(repr(error))

    threads = [threading.Thread(target=load) for _ in range(3)]
    slow: list[str] = []
    threads.append(threading.Thread(target=lambda: slow.append(app.get("/slow"))))
    for thread in threads:
        thread.start()
    app.ask(**app.packed("two"))
    app.until()
    wait_for(lambda: said[-1].startswith("two"))
    ended.set()
    for thread in threads:
        thread.join()
    assert {text.split()[0] for text in said} == {"one", "two"}
    assert slow[0].split()[0] in {"one", "two"}
    assert app.get() == "two postgresql://here"


@pytest.mark.parametrize(
    ("version", "more", "changes", "why"),
    [
        ("bad", "raise RuntimeError('no such thing')", {}, "no such thing"),
        ("none", "", {"module": "app:other"}, "other"),
        ("lost", "", {"requirements": "other.txt"}, "installing failed: "),
        ("wrong", "", {"sha256": "0" * 64}, "the archive is another: its SHA-256 is "),
        ("gone", "", {"source": "http://127.0.0.1:9/x"}, "cannot be fetched"),
        ("both", "", {"commit": "a" * 40}, "give either a commit"),
        ("unready", "", {"prepare": ["python", "-c", "raise SystemExit('not now')"]}, "not now"),
    ],
)
def test_the_version_of_before_goes_on_when_the_new_one_fails(
    app: App, version: str, more: str, changes: dict[str, object], why: str
) -> None:
    app.ask(**app.packed("one"))
    app.start()
    app.until()
    before = dict(app.asked)
    app.ask(**(app.packed(version, more=more) | changes))
    wait_for(lambda: why in app.look(), what=app.look())
    told = app.look()
    assert told.startswith("version ")
    assert f"version {str(before['sha256'])[:12]} goes on" in told
    assert app.get() == "one postgresql://here"
    # Started again, it is the version of before that answers at once.
    app.stop()
    app.start()
    wait_for(lambda: app.look("answers") == "")
    assert app.get() == "one postgresql://here"
    wait_for(lambda: why in app.look())
    app.ask(**before)
    app.until()


def test_whatever_fails_is_said_and_not_tried_again_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with parts("wsgi-app", "serve") as (serve,):

        def install(*_: object) -> None:
            raise tarfile.ReadError("unexpected end of data")

        monkeypatch.setattr(serve.Version, "install", install)
        app = serve.Application(tmp_path, tmp_path / "app.json")
        asked = dict.fromkeys(("source", "commit", "requirements", "database_url", "secret"), "")
        app.asked = asked | {"sha256": "abc", "prepare": [], "environment": {}}
        app._change(app.asked)
        assert app.problem == "version abc: unexpected end of data"
        assert app.due_at > time.monotonic()


def test_a_command_prepares_each_version_once_in_its_environment(app: App) -> None:
    code = "import os, sys; open('made', 'a').write(os.environ['DATABASE_URL'] + sys.prefix)"
    app.ask(**app.packed("one"), prepare=["python", "-c", code])
    app.start()
    app.until()
    app.ask(environment={"COLOUR": "blue"})
    app.until()
    assert app.get() == "one postgresql://here blue"
    (made,) = app.place.glob("versions/*/source/project-one/made")
    (venv,) = app.place.glob("versions/*/venv")
    assert made.read_text() == f"postgresql://here{venv}"


def test_requirements_are_installed_into_the_versions_own_environment(app: App) -> None:
    name = "shade-1.0-py3-none-any.whl"
    wheel = io.BytesIO()
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("shade.py", "NAME = 'dark'\n")
        archive.writestr(
            "shade-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: shade\nVersion: 1.0\n"
        )
        archive.writestr(
            "shade-1.0.dist-info/WHEEL",
            "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        archive.writestr("shade-1.0.dist-info/RECORD", "")
    (app.web / name).write_bytes(wheel.getvalue())
    digest = hashlib.sha256(wheel.getvalue()).hexdigest()
    locked = f"shade @ {app.url}/{name} --hash=sha256:{digest}\n"
    more = "import shade\nVERSION = shade.NAME"
    app.ask(**app.packed("one", more=more, **{"requirements.txt": f"--no-index\n{locked}"}))
    app.start()
    app.until()
    assert app.get() == "dark postgresql://here"


def test_old_versions_are_removed_and_their_logs_stay(app: App) -> None:
    app.ask(**app.packed("one"))
    app.start()
    for version in ("one", "two", "three"):
        app.ask(**app.packed(version))
        app.until()
        assert app.get().split()[0] == version
    wait_for(lambda: len([one for one in (app.place / "versions").iterdir() if one.is_dir()]) == 2)
    assert len(list((app.place / "versions").glob("*.log"))) == 3


def test_what_was_said_before_a_change_is_no_answer_after_it(app: App) -> None:
    app.ask(**app.packed("one"))
    app.start()
    app.until()
    app.stop()
    assert app.look() == ""
    app.ask(**app.packed("two"))
    assert app.look() == "the change is not taken up yet"


def test_a_server_that_died_is_started_again(app: App) -> None:
    app.ask(**app.packed("one"))
    app.start()
    app.until()
    assert app.process is not None
    children = Path(f"/proc/{app.process.pid}/task/{app.process.pid}/children").read_text().split()
    for child in children:
        os.kill(int(child), signal.SIGKILL)
    wait_for(lambda: app.look() != "" or _children(app) not in ([], children))
    app.until()
    assert app.get() == "one postgresql://here"


def _children(app: App) -> list[str]:
    assert app.process is not None
    return Path(f"/proc/{app.process.pid}/task/{app.process.pid}/children").read_text().split()


def test_requests_are_counted_over_versions_and_restarts(app: App) -> None:
    app.ask(**app.packed("one"))
    app.start()
    app.until()
    for _ in range(5):
        app.get()
    wait_for(lambda: app.requests() == 5)
    app.ask(**app.packed("two"))
    app.until()
    app.get()
    wait_for(lambda: app.requests() == 6)
    app.stop()
    app.start()
    app.until()
    app.get()
    wait_for(lambda: app.requests() == 7)


def a_repository(web: Path, version: str) -> str:
    """Make or extend a repository as any web server gives it; return the newest commit."""
    work = web.parent / "work"
    me = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_CONFIG_GLOBAL": os.devnull}
    me |= {"GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b", "PATH": os.environ["PATH"]}

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(work), *arguments]
        done = subprocess.run(command, env=me, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    work.mkdir(exist_ok=True)
    git("init", "--quiet", "--initial-branch=main")
    (work / "app.py").write_text(APP.format(version=version, more=""))
    git("add", ".")
    git("commit", "--quiet", "-m", version)
    subprocess.run(
        ["git", "clone", "--quiet", "--bare", str(work), str(web / f"{version}.git")],
        check=True,
        env=me,
    )
    subprocess.run(
        ["git", "-C", str(web / f"{version}.git"), "update-server-info"], check=True, env=me
    )
    return git("rev-parse", "HEAD")


def test_a_commit_of_a_git_repository_runs(app: App) -> None:
    first = a_repository(app.web, "one")
    a_repository(app.web, "two")
    app.ask(source=f"{app.url}/two.git", commit=first)
    app.start()
    app.until()
    assert app.get() == "one postgresql://here"
    app.ask(commit="f" * 40)
    wait_for(lambda: f"finding the commit {'f' * 40} failed" in app.look())
    assert app.get() == "one postgresql://here"


def test_without_git_it_is_said_what_to_do(app: App, tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "python3").symlink_to(PYTHON)
    app.environment["PATH"] = str(programs)
    app.ask(source=f"{app.url}/x.git", commit="a" * 40)
    app.start()
    wait_for(lambda: "git is not installed on this node" in app.look())
    app.ask(**app.packed("one"), commit="")
    app.until()
    assert app.get() == "one postgresql://here"


def a_tar(*entries: tuple[str, str, str]) -> bytes:
    """Return a tar of (kind, name, content or target)."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        for kind, name, text in entries:
            entry = tarfile.TarInfo(name)
            entry.type = {"file": tarfile.REGTYPE, "link": tarfile.SYMTYPE}.get(kind, kind.encode())
            entry.linkname = text if kind != "file" else ""
            entry.size = len(text) if kind == "file" else 0
            tar.addfile(entry, io.BytesIO(text.encode()) if kind == "file" else None)
    return content.getvalue()


@pytest.mark.parametrize(
    "entries",
    [
        [("file", "/tmp/outside", "x")],
        [("file", "a/../../outside", "x")],
        [("link", "a/out", "../../outside")],
        [("link", "out", "/etc/passwd")],
        [("link", "d", "a"), ("link", "a/up", ".."), ("link", "over", "a/up/../..")],
        [("link", "out", "."), ("file", "out/../../outside", "x")],
        [("link", "d", "sub"), ("file", "d/file", "x")],
        [("file", "twice", "x"), ("file", "twice", "y")],
        [("1", "hard", "/etc/passwd")],
        [("3", "device", "")],
    ],
)
def test_an_archive_cannot_write_or_lead_outside(
    tmp_path: Path, entries: list[tuple[str, str, str]]
) -> None:
    (tmp_path / "archive").write_bytes(a_tar(*entries))
    (tmp_path / "place").mkdir()
    with (
        parts("wsgi-app", "unpack", "failure") as (unpack, failure),
        pytest.raises(failure.Failed),
    ):
        unpack.unpack(tmp_path / "archive", tmp_path / "place")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["archive", "place"]


def test_links_inside_of_an_archive_stay(tmp_path: Path) -> None:
    content = a_tar(("file", "p/real.py", "x"), ("link", "p/sub/alias.py", "../real.py"))
    (tmp_path / "archive").write_bytes(content)
    (tmp_path / "place").mkdir()
    with parts("wsgi-app", "unpack") as (unpack,):
        unpack.unpack(tmp_path / "archive", tmp_path / "place")
        assert unpack.root_of(tmp_path / "place") == tmp_path / "place" / "p"
    assert (tmp_path / "place" / "p" / "sub" / "alias.py").read_text() == "x"


@pytest.mark.parametrize("packed", ["tar", "zip"])
def test_an_archive_has_bounds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packed: str
) -> None:
    path = tmp_path / "archive"
    if packed == "tar":
        path.write_bytes(a_tar(("file", "a", "x" * 3000), ("file", "b", "x")))
    else:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a", "x" * 3000)
            archive.writestr("b", "x")
    with parts("wsgi-app", "unpack", "failure") as (unpack, failure):
        for name, most, why in (
            ("MOST_BYTES", 2999, "unpacks to more"),
            ("MOST_FILES", 1, "files"),
        ):
            place = tmp_path / name
            place.mkdir()
            with monkeypatch.context() as patched:
                patched.setattr(unpack, name, most)
                with pytest.raises(failure.Failed, match=why):
                    unpack.unpack(path, place)


def test_a_program_that_takes_too_long_or_too_much_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with parts("wsgi-app", "bounded", "failure") as (bounded, failure):
        log = tmp_path / "log"
        plain = {"directory": tmp_path, "environment": {"PATH": "/usr/bin:/bin"}, "what": "it"}
        bounds = bounded.Bounds(tmp_path, log, time.monotonic() + 1)
        with pytest.raises(failure.Failed, match="took too long"):
            bounds.run(["sleep", "30"], **plain)
        monkeypatch.setattr(bounded, "MOST_BYTES", 1000)
        bounds = bounded.Bounds(tmp_path, log, time.monotonic() + 20)
        with pytest.raises(failure.Failed, match="takes more than"):
            bounds.run(["sh", "-c", "head -c 2000 /dev/zero > large; sleep 30"], **plain)
