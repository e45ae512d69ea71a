"""A backup is one sealed file: what was changed, cut or swapped in it is refused."""

import io

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.rescue.archive import CHUNK, MAGIC, BadArchive, Writer, read

KEY, OTHER = b"k" * 32, b"o" * 32


class File(io.BytesIO):
    """In memory, and on the disk as far as anybody asks."""

    def fileno(self) -> int:
        return 1


def written(**parts: bytes) -> bytes:
    file = File()
    writer = Writer(file, KEY)
    for name, content in parts.items():
        writer.part(name)
        writer.write(content)
    writer._file.write(writer._sealer.seal(b"E", b""))
    return file.getvalue()


def contents(raw: bytes, key: bytes = KEY) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for name, piece in read(io.BytesIO(raw), key):
        found[name] = found.get(name, b"") + piece
    return found


# Seconds of a busy machine say nothing about what is drawn.
calmly = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@calmly
@given(st.dictionaries(st.text("abc", min_size=1, max_size=4), st.binary(max_size=200), max_size=4))
def test_what_was_written_is_read(parts: dict[str, bytes]) -> None:
    assert contents(written(**parts)) == parts


def test_long_parts_are_cut_into_pieces() -> None:
    long = b"x" * (2 * CHUNK + 7)
    raw = written(a=long, b=b"")
    assert contents(raw) == {"a": long, "b": b""}
    assert b"x" * 64 not in raw


def test_another_key_opens_nothing() -> None:
    with pytest.raises(BadArchive):
        contents(written(a=b"secret"), OTHER)


@calmly
@given(st.data())
def test_no_byte_can_be_changed_and_no_end_cut_off(data: st.DataObject) -> None:
    raw = written(a=b"first", b=b"second")
    place = data.draw(st.integers(0, len(raw) - 1))
    changed = raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :]
    for bad in (changed, raw[:place], raw + b"x"):
        with pytest.raises(BadArchive):
            contents(bad)


def test_frames_cannot_be_left_out_or_swapped() -> None:
    raw = written(a=b"1111", b=b"2222")
    start = len(MAGIC) + 32
    frames, at = [], start
    while at < len(raw):
        length = int.from_bytes(raw[at + 1 : at + 5], "big")
        frames.append(raw[at : at + 5 + length])
        at += 5 + length
    assert len(frames) == 5
    for order in ([0, 3, 2, 1, 4], [0, 1, 4], [0, 1, 1, 2, 3, 4]):
        with pytest.raises(BadArchive):
            contents(raw[:start] + b"".join(frames[one] for one in order))
