"""Which format a bank file has, and its statements. Pure."""

from collections.abc import Callable, Mapping

from billing.bank import camt, cfonb, mt940, ofx
from billing.bank.statement import MOST_BYTES, MOST_LINES, BadFile, Statement

READERS: Mapping[str, Callable[[bytes], list[Statement]]] = {
    "camt": camt.read,
    "ofx": ofx.read,
    "mt940": mt940.read,
    "cfonb120": cfonb.read,
}


def format_of(content: bytes) -> str:
    """Return the format of a file by what it begins with.

    Raises:
        BadFile: it is none that is known.
    """
    head = content[:4000].lstrip(b"\xef\xbb\xbf \t\r\n")
    upper = head.upper()
    if upper.startswith(b"OFXHEADER") or b"<OFX>" in upper:
        return "ofx"
    if head.startswith(b"<"):
        return "camt"
    if b":20:" in head and b":25:" in head:
        return "mt940"
    if head.startswith(b"01") and len(head.splitlines()[0]) >= 104:
        return "cfonb120"
    raise BadFile("This is none of the known formats: camt.053, camt.054, MT940, OFX, CFONB 120.")


def read(content: bytes) -> tuple[str, list[Statement]]:
    """Return format and statements of a file, each balanced.

    Raises:
        BadFile: it is too large, of no known format, cut off, or does not add up.
    """
    if len(content) > MOST_BYTES:
        raise BadFile(f"The file has more than {MOST_BYTES // 1_000_000} MB: take fewer days.")
    name = format_of(content)
    statements = READERS[name](content)
    if sum(len(one.lines) for one in statements) > MOST_LINES:
        raise BadFile(f"The file has more than {MOST_LINES} movements: take fewer days.")
    for one in statements:
        one.check()
    return name, statements
