"""The receiving side of backups: what was stored stays, whatever its key is used for."""

# mypy: disable-error-code="no-untyped-call"

import hashlib
import struct
from pathlib import Path

import pytest

from orchestration.node_agent import vault
from orchestration.node_agent.stores import retained

READ, WRITE_NEW, OVERWRITE = 1, 2 | 8 | 32, 2 | 8 | 16
CONTENT = b"a pack of data"
NAME = hashlib.sha256(CONTENT).hexdigest()
PLACE = f"data/{NAME[:2]}/{NAME}"
TEMP = f"{PLACE}-restic-temp-1a2b"


@pytest.fixture
def store(tmp_path: Path) -> vault.Vault:
    return vault.Vault(tmp_path / "B-1", 1000)


def text(value: str | bytes) -> bytes:
    return bytes(vault.text(value.encode() if isinstance(value, str) else value))


def do(store: vault.Vault, kind: int, *parts: bytes) -> bytes:
    """Ask, and return what comes back; a refusal is raised."""
    answered, content = store.answer(kind, b"".join(parts))
    if answered == vault.STATUS:
        (code,) = struct.unpack_from(">I", content)
        assert code in (vault.OK, vault.EOF), content
    return bytes(content)


def opened(store: vault.Vault, name: str, flags: int) -> bytes:
    return do(store, vault.OPEN, text(f"r/{name}"), struct.pack(">II", flags, 0))


def put(store: vault.Vault, name: str, content: bytes = CONTENT) -> None:
    handle = opened(store, name, WRITE_NEW)
    do(store, vault.WRITE, handle, struct.pack(">Q", 0), text(content))
    do(store, vault.CLOSE, handle)


def rename(store: vault.Vault, source: str, target: str) -> None:
    do(store, vault.RENAME, text(f"r/{source}"), text(f"r/{target}"))


def stored(store: vault.Vault) -> Path:
    put(store, TEMP)
    rename(store, TEMP, PLACE)
    return Path(store.root) / PLACE


def test_what_is_stored_is_read_again(store: vault.Vault) -> None:
    assert stored(store).read_bytes() == CONTENT
    handle = opened(store, PLACE, READ)
    piece = do(store, vault.READ, handle, struct.pack(">QI", 2, 4))
    assert piece == text(CONTENT[2:6])


def test_nothing_that_is_stored_is_removed_renamed_or_written_again(store: vault.Vault) -> None:
    path = stored(store)
    other = PLACE.replace(NAME, "0" * 64)
    for attempt in (
        lambda: do(store, vault.REMOVE, text(f"r/{PLACE}")),
        lambda: opened(store, PLACE, WRITE_NEW),
        lambda: opened(store, PLACE, OVERWRITE),
        lambda: rename(store, PLACE, TEMP),
        lambda: rename(store, PLACE, other),
        lambda: do(store, vault.RMDIR, text("r/data")),
    ):
        with pytest.raises(vault.Refused):
            attempt()
    handle = opened(store, PLACE, READ)
    with pytest.raises(vault.Refused):
        do(store, vault.WRITE, handle, struct.pack(">Q", 0), text(b"x"))
    put(store, TEMP)
    with pytest.raises(FileExistsError):
        rename(store, TEMP, PLACE)
    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize(
    "name",
    ["../B-2/config", "data/../../secret", "/etc/passwd", "data/zz/x", "snapshots/short", "notes"],
)
def test_no_name_leads_outside_of_a_repository(store: vault.Vault, name: str) -> None:
    for flags in (READ, WRITE_NEW):
        with pytest.raises(vault.Refused):
            opened(store, name, flags)


def test_a_name_is_its_content(store: vault.Vault) -> None:
    put(store, TEMP, b"something else")
    with pytest.raises(vault.Refused, match="not what the name says"):
        rename(store, TEMP, PLACE)
    assert not (Path(store.root) / PLACE).exists()


def test_a_file_that_was_not_written_in_order_is_read_before_it_is_believed(
    store: vault.Vault,
) -> None:
    handle = opened(store, TEMP, WRITE_NEW)
    do(store, vault.WRITE, handle, struct.pack(">Q", 6), text(CONTENT[6:]))
    do(store, vault.WRITE, handle, struct.pack(">Q", 0), text(CONTENT[:6]))
    do(store, vault.CLOSE, handle)
    rename(store, TEMP, PLACE)
    assert (Path(store.root) / PLACE).read_bytes() == CONTENT


def test_locks_come_and_go(store: vault.Vault) -> None:
    lock = "locks/" + "1" * 64
    put(store, lock)
    do(store, vault.REMOVE, text(f"r/{lock}"))
    assert not (Path(store.root) / lock).exists()


def test_a_repository_holds_no_more_than_it_may(store: vault.Vault) -> None:
    handle = opened(store, TEMP, WRITE_NEW)
    do(store, vault.WRITE, handle, struct.pack(">Q", 0), text(b"x" * 900))
    with pytest.raises(vault.Refused, match="it is full"):
        do(store, vault.WRITE, handle, struct.pack(">Q", 900), text(b"x" * 200))
    again = vault.Vault(Path(store.root), 1000)
    assert again.held == 900


def test_a_key_is_added_at_the_beginning_only(store: vault.Vault) -> None:
    key = "keys/" + NAME
    put(store, f"{key}-restic-temp-1")
    rename(store, f"{key}-restic-temp-1", key)
    put(store, "config-restic-temp-1")
    rename(store, "config-restic-temp-1", "config")
    put(store, f"{key}-restic-temp-2")
    with pytest.raises(vault.Refused):
        rename(store, f"{key}-restic-temp-2", "keys/" + "0" * 64)


def seen(name: str, at: str, host: str = "I-1") -> dict[str, str]:
    return {"id": name, "host": host, "received": f"2026-11-{at}:00+00:00"}


def test_the_newest_and_one_of_each_hour_day_and_week_stay() -> None:
    snapshots = [
        seen("a", "01T10:10"), seen("b", "01T10:50"), seen("c", "01T11:10"),
        seen("d", "02T09:00"), seen("e", "02T09:30"), seen("x", "01T01:00", "I-2"),
    ]  # fmt: skip
    assert retained(snapshots, {"hourly": 2}, []) == {"e", "c", "x"}
    assert retained(snapshots, {"hourly": 1, "daily": 2}, []) == {"e", "c", "x"}
    assert retained(snapshots, {"weekly": 2}, ["a"]) == {"e", "c", "x", "a"}
    assert retained(snapshots, {}, []) == {"e", "x"}
