"""restic is run within bounds, and what it says is understood."""

# mypy: disable-error-code="no-untyped-call"

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from orchestration.node_agent import restic


def complaint(*codes: int) -> str:
    lines: list[dict[str, Any]] = [
        {"message_type": "error", "error": {"Op": "lstat", "Path": "data/x", "Err": code}}
        for code in codes
    ]
    return "\n".join(json.dumps(line) for line in lines)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (complaint(2, 2), True),
        (complaint(2, 13), False),
        (complaint(), False),
        ("Fatal: wrong password", False),
        (json.dumps({"message_type": "error", "error": "something"}), False),
    ],
)
def test_only_files_that_were_removed_meanwhile_are_no_failure(said: str, expected: bool) -> None:
    assert restic.only_vanished(said) == expected


def a_restic(place: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> restic.Access:
    program = place / "bin" / "restic"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n" + script)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    return restic.Access(None, str(place / "cache"), [], {"RESTIC_PASSWORD": "secret"})


def test_a_backup_that_missed_removed_files_counts_and_one_that_missed_others_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = "cat said >&2; echo stored; exit 3"
    access = a_restic(tmp_path, monkeypatch, script)
    (tmp_path / "said").write_text(complaint(2))
    assert restic.run(access, ["backup", "data"], tmp_path) == "stored\n"
    with pytest.raises(restic.Failed, match="restore ended with 3"):
        restic.run(access, ["restore", "1"], tmp_path)
    (tmp_path / "said").write_text(complaint(2, 13))
    with pytest.raises(restic.Failed, match="backup ended with 3"):
        restic.run(access, ["backup", "data"], tmp_path)


def test_what_takes_too_long_is_ended_with_all_that_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    access = a_restic(tmp_path, monkeypatch, "sleep 3141 & sleep 3141")
    with pytest.raises(restic.Failed, match=r"longer than 0\.5 s"):
        restic.run(access, ["backup", "data"], tmp_path, 0.5)
    assert subprocess.run(["pgrep", "-f", "sleep 3141"], check=False).returncode == 1


def test_the_password_is_in_the_environment_and_nothing_else_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TENANTRY_SECRET", "ours")
    access = a_restic(tmp_path, monkeypatch, 'env; echo "$@"')
    said = restic.run(access, ["cat", "config"], tmp_path)
    assert "RESTIC_PASSWORD=secret" in said
    assert "ours" not in said
    assert "secret" not in said.splitlines()[-1]


def test_a_machine_without_restic_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Home:
        """Without root."""

        def is_privileged(self) -> bool:
            return False

    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(restic.Failed, match=r"run `apt-get install --yes .*restic openssh-client`"):
        restic.install(Home())
