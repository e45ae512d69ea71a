"""The database's programs come from the wheel, or from a system of the same major version."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from orchestration.releases.services import CATALOGUE

SOURCE = CATALOGUE / "postgresql"


@pytest.fixture
def build(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    """The release's build script, on a machine that the wheel is not made for."""
    spec = importlib.util.spec_from_file_location("postgresql_build", SOURCE / "build.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "PIP", "-c raise(SystemExit(1))")
    monkeypatch.setattr(module, "SYSTEM", tmp_path / "system")
    return module


def test_without_a_wheel_the_systems_own_is_taken(build: ModuleType, tmp_path: Path) -> None:
    build.SYSTEM.mkdir()
    for name in ("postgres", "initdb", "psql"):
        program = build.SYSTEM / name
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
    build.main(SOURCE, tmp_path)
    assert (tmp_path / "bin").readlink() == build.SYSTEM


def test_without_both_the_build_says_what_is_missing(build: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as ended:
        build.main(SOURCE, tmp_path)
    assert ended.value.code == (
        "neither a wheel for this machine nor the system's PostgreSQL 18 is there"
    )
    assert not (tmp_path / "bin").exists()
