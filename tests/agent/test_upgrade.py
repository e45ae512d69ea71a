"""An agent is changed over its own channel; one that is not heard goes, and the former is back."""

# mypy: disable-error-code="no-untyped-call"

import base64
import contextlib
import hashlib
import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestration.node_agent import upgrade
from orchestration.node_agent.background import start
from orchestration.node_agent.bundle import bundle
from orchestration.node_agent.home import Home, write_json
from tests.agent.home import a_document, a_home

FORMER = hashlib.sha256(bundle()).hexdigest()
# Instead of the resident: what an agent may do wrong.
ENDS = "    raise SystemExit('no such luck')\n"
HANGS = "    import time\n    time.sleep(3600)\n"


def an_agent(fault: str = "") -> bytes:
    """Return another agent: as ours with a comment, or with a resident that does this instead."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(bundle())) as ours, zipfile.ZipFile(buffer, "w") as made:
        for name in ours.namelist():
            content = ours.read(name)
            if name == "node_agent/resident.py":
                place = b'    """Run until ended;'
                content = content.replace(place, fault.encode() + place, 1) + b"# another\n"
            # With its own time: the same content gives the same version.
            made.writestr(ours.getinfo(name), content)
    return buffer.getvalue()


class Place:
    """A home with real processes, and a Master that asks it over a real session."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.seen = ""
        home.agent.write_bytes(bundle())

    def ask(self, message: dict[str, Any]) -> dict[str, Any]:
        """Ask over a session of its own; no answer is {}: the agent is just changing."""
        done = subprocess.run(
            [sys.executable, str(self.home.agent), "session", str(self.home.path)],
            input=json.dumps({"fence": 1} | message).encode() + b"\n",
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=60,
            check=False,
        )
        answer: dict[str, Any] = json.loads(done.stdout.split(b"\n")[0] or b"{}")
        return answer

    def poll(self, agent: str = "", revision: str = "") -> dict[str, Any]:
        """Ask as the Master does, which remembers what it stored."""
        acked = {"epoch": "", "seq": 0}
        answer = self.ask(
            {"op": "poll", "revision": revision, "seen": self.seen, "acked": acked, "agent": agent}
        )
        if answer.get("op") == "report":
            self.seen = answer["report"]["state_hash"]
            return dict(answer["report"])
        return answer

    def give(self, content: bytes, seconds: float = 60) -> dict[str, Any]:
        version = hashlib.sha256(content).hexdigest()
        text = base64.b64encode(content).decode()
        return self.ask({"op": "agent", "version": version, "zip": text, "seconds": seconds})

    def residents(self) -> list[int]:
        zips = (self.home.agent, upgrade.trial_zip(self.home))
        return [pid for one in zips for pid in upgrade._running(self.home, one, "resident")]

    def is_settled(self) -> bool:
        return upgrade.pending(self.home) is None and len(self.residents()) == 1

    def version(self) -> str:
        self.seen = ""
        return str(self.poll().get("agent_version", ""))

    def stop(self) -> None:
        upgrade.stop(self.home)
        for name in ("agent.zip", "agent-trial.zip"):
            upgrade._end(upgrade._running(self.home, self.home.path / name), signal.SIGKILL)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    one = Place(a_home(tmp_path))
    yield one
    one.stop()


def wait_for(look: Callable[[], bool], *, seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.05)


def hear(place: Place, version: str) -> None:
    """Ask until the agent is confirmed, as a Master does that visits again and again."""

    def is_heard() -> bool:
        place.poll(agent=version)
        return place.is_settled()

    wait_for(is_heard)


def test_a_good_agent_takes_over_and_stays(place: Place) -> None:
    before = place.poll()
    content = an_agent()
    version = hashlib.sha256(content).hexdigest()
    (former,) = place.residents()
    assert before["agent_version"] == FORMER
    assert place.poll(agent=version) == {"op": "want", "want": ["agent"]}
    assert place.give(content) == {"op": "accepted"}
    hear(place, version)
    assert place.home.agent.read_bytes() == content
    assert place.residents() != [former]
    place.seen = ""
    after = place.poll()
    assert (after["agent_version"], after["agent_refused"]["version"]) == (version, "")
    assert after["epoch"] == before["epoch"]


def test_what_runs_goes_on_while_the_agent_changes(place: Place) -> None:
    place.home.supervisor.mkdir()
    with zipfile.ZipFile(io.BytesIO(bundle())) as archive:
        for name in archive.namelist():
            if name.startswith("supervisor/"):
                archive.extract(name, place.home.supervisor)
    place.poll()
    document = a_document()
    assert place.ask({"op": "desired", "document": document})["op"] == "accepted"
    pid_file = place.home.run / "supervisord.pid"
    wait_for(lambda: pid_file.exists() and bool(pid_file.read_text().strip()))
    supervisor = int(pid_file.read_text())
    content = an_agent()
    place.give(content)
    try:
        hear(place, hashlib.sha256(content).hexdigest())
        assert int(pid_file.read_text()) == supervisor
        assert Path(f"/proc/{supervisor}/cmdline").read_bytes()
    finally:
        os.kill(supervisor, signal.SIGTERM)


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (ENDS, "it ended by itself with 1\nno such luck"),
        (HANGS, "it did not listen within 1.5 seconds"),
        ("", "the Master did not hear it within 3 seconds"),
    ],
    ids=["ends at once", "hangs", "is never heard"],
)
def test_an_agent_that_is_not_heard_is_returned(place: Place, fault: str, why: str) -> None:
    place.poll()
    content = an_agent(fault)
    version = hashlib.sha256(content).hexdigest()
    place.give(content, seconds=3)
    wait_for(lambda: bool(upgrade.refused(place.home)) and place.is_settled())
    report = place.poll(agent=version)
    assert report["agent_version"] == FORMER
    assert report["agent_refused"] == {"version": version, "reason": why}
    assert [event["kind"] for event in report["events"]] == ["agent_returned"]
    assert place.poll(agent="f" * 64) == {"op": "want", "want": ["agent"]}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"version": "0" * 64}, "ValueError: agent 000000000000 has another checksum"),
        ({"zip": "!"}, "Error: "),
        ({"zip": "A" * 23_000_000}, "ValueError: an agent has at most 16777216 bytes"),
    ],
)
def test_what_is_not_the_agent_that_it_says_is_refused(
    place: Place, change: dict[str, str], said: str
) -> None:
    text = base64.b64encode(an_agent()).decode()
    message = {"op": "agent", "version": "v", "zip": text, "seconds": 60} | change
    answer = place.ask(message)
    assert (answer["code"], said in answer["message"]) == ("bad_message", True)
    assert not upgrade.trial_zip(place.home).exists()
    assert place.version() == FORMER


def killed_at(place: Place, step: str, *, doing: str) -> None:
    """Do a part of the change in a process that is killed as it comes to this step."""
    code = (
        "import os, sys; sys.path.insert(0, sys.argv[1]); from node_agent import upgrade\n"
        "from node_agent.home import Home; home = Home(sys.argv[2])\n"
        f"upgrade.{step} = lambda *a, **k: os.kill(os.getpid(), 9)\n{doing}\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(place.home.agent), str(place.home.path)],
        input=base64.b64encode(an_agent()),
        timeout=60,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL


ACCEPT = (
    "import base64, hashlib; text = sys.stdin.read()\n"
    "name = hashlib.sha256(base64.b64decode(text)).hexdigest()\n"
    "upgrade.accept(home, name, text, 60)"
)
WATCH = "upgrade.main(home.path)"
RETURN = "upgrade.give_back(home, upgrade.pending(home), 'it was bad')"


@pytest.mark.parametrize(
    ("steps", "ends_in"),
    [
        ([("write_bytes", ACCEPT)], "former"),
        ([("write_json", ACCEPT)], "former"),
        ([("watch", ACCEPT)], "new"),
        ([("watch", ACCEPT), ("stop", WATCH)], "new"),
        ([("watch", ACCEPT), ("launch", WATCH)], "new"),
        ([("watch", ACCEPT), ("_observe", WATCH)], "new"),
        ([("watch", ACCEPT), ("remember", RETURN)], "new"),
        ([("watch", ACCEPT), ("_end", RETURN)], "former"),
        ([("watch", ACCEPT), ("start", RETURN)], "former"),
    ],
    ids=lambda value: value if isinstance(value, str) else value[-1][0],
)
def test_a_kill_at_any_step_ends_with_one_resident(
    place: Place, steps: list[tuple[str, str]], ends_in: str
) -> None:
    version = hashlib.sha256(an_agent()).hexdigest()
    place.poll()
    for step, doing in steps:
        killed_at(place, step, doing=doing)
    hear(place, version if ends_in == "new" else FORMER)
    assert place.version() == (version if ends_in == "new" else FORMER)
    assert len(place.residents()) == 1


def test_a_reboot_after_the_time_is_over_ends_in_the_former(place: Place) -> None:
    place.poll()
    killed_at(place, "watch", doing=ACCEPT.replace("60", "1"))
    place.stop()
    trial = json.loads(upgrade._trial_file(place.home).read_text())
    write_json(upgrade._trial_file(place.home), trial | {"until": trial["until"] - 3600})
    # What the machine starts as it boots.
    start(place.home, place.home.agent)
    wait_for(lambda: bool(upgrade.refused(place.home)) and place.is_settled())
    report = place.poll()
    assert report["agent_version"] == FORMER
    assert report["agent_refused"]["reason"] == "its time was over before it was heard"


def test_a_clock_that_was_set_back_does_not_make_a_trial_longer() -> None:
    now = time.time()
    assert not upgrade._is_over({"until": now + 60, "seconds": 60})
    assert upgrade._is_over({"until": now + 3600, "seconds": 60})
    assert upgrade._is_over({"until": now - 1, "seconds": 60})


def test_nobody_listens_on_a_socket_that_was_left(place: Place) -> None:
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as left:
        left.bind(str(place.home.socket))
    assert not upgrade._listens(place.home)
