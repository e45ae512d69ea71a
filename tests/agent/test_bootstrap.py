"""Preparing a machine: one line of ours in authorized_keys, all lines of others."""

# mypy: disable-error-code="no-untyped-call"

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from orchestration.node_agent import bootstrap
from orchestration.node_agent.bootstrap import StepFailed, install_key, make_partitions
from orchestration.node_agent.home import Home
from tests.agent.home import a_home

FOREIGN = "ssh-rsa AAAAforeign somebody@elsewhere"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return a_home(tmp_path)


def asked(home: Home, **changes: Any) -> dict[str, Any]:
    facts = {
        "node": "N-1",
        "public_key": "ssh-ed25519 AAAAnew",
        "authorized_keys": str(home.path / "ssh" / "keys"),
        "forget_key": "",
    }
    return facts | changes


def keys(home: Home) -> list[str]:
    path: Path = home.path / "ssh" / "keys"
    return path.read_text().splitlines()


def test_the_key_may_run_the_session_and_nothing_else(home: Home) -> None:
    install_key(home, asked(home))
    command = f"{sys.executable} {home.agent} session {home.path}"
    assert keys(home) == [
        f'restrict,command="{command}" ssh-ed25519 AAAAnew tenantry-node:N-1',
    ]
    assert (home.path / "ssh" / "keys").stat().st_mode & 0o777 == 0o600


def test_our_line_is_replaced_and_those_of_others_stay(home: Home) -> None:
    other_node = "ssh-ed25519 AAAA tenantry-node:N-12"
    (home.path / "ssh").mkdir()
    (home.path / "ssh" / "keys").write_text(f"{FOREIGN}\n# note\n{other_node}\n")
    install_key(home, asked(home, public_key="ssh-ed25519 AAAAold"))
    install_key(home, asked(home))
    *kept, ours = keys(home)
    assert kept == [FOREIGN, "# note", other_node]
    assert "AAAAnew" in ours


def test_the_one_time_key_is_taken_off(home: Home) -> None:
    (home.path / "ssh").mkdir()
    (home.path / "ssh" / "keys").write_text(f"ssh-ed25519 AAAAonce me\n{FOREIGN}\n")
    install_key(home, asked(home, forget_key="AAAAonce"))
    assert keys(home)[0] == FOREIGN
    assert len(keys(home)) == 2


def test_what_would_end_the_quotes_or_the_line_is_refused(home: Home, tmp_path: Path) -> None:
    odd = Home(tmp_path / 'a"b')
    with pytest.raises(StepFailed, match="may not stand there"):
        install_key(odd, asked(home))
    with pytest.raises(StepFailed, match="may not stand there"):
        install_key(home, asked(home, public_key="ssh-ed25519 A\nssh-rsa B"))
    assert not (home.path / "ssh" / "keys").exists()


def test_partitions_are_written_down_once(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    wish = {"partitions": 2, "user_prefix": "tn", "node": "N-1"}
    assert make_partitions(home, wish) == "2 partitions"
    first = (home.state / "identity.json").stat().st_ino
    assert make_partitions(home, wish) == "2 partitions"
    assert (home.state / "identity.json").stat().st_ino == first
    assert home.identity()["partitions"][1] == {"name": "p1", "user": "tn-p1"}


def test_each_step_is_said_and_the_first_that_fails_ends_it(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(home: Home, asked: dict[str, Any]) -> str:
        raise StepFailed("`useradd` ended with 1: no")

    monkeypatch.setattr(bootstrap, "check_system", lambda home, asked: "Python 3.9")
    monkeypatch.setattr(bootstrap, "make_home", lambda home, asked: "made")
    monkeypatch.setattr(bootstrap, "make_partitions", broken)
    monkeypatch.setattr("sys.stdin", (home.path / "asked").open("w+"))
    sys.stdin.write(json.dumps({"home": str(home.path)}))
    sys.stdin.seek(0)
    assert bootstrap.main("agent.zip") == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["step"], line["ok"], line["message"]) for line in lines] == [
        ("Check the system", True, "Python 3.9"),
        ("Create the agent's directories", True, "made"),
        ("Create users and partitions", False, "StepFailed: `useradd` ended with 1: no"),
    ]
