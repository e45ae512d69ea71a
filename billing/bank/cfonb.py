"""Read CFONB 120: the statement of French banks, in records of 120 signs.

Source: CFONB, "Relevé de compte sur support informatique" (records 01, 04, 05, 07).
"""

from datetime import date

from billing.bank.statement import BadFile, Line, Statement, day_of, minor_of, tidy

_WIDTH = 120
_PLUS, _MINUS = "{ABCDEFGHI", "}JKLMNOPQR"


def read(content: bytes) -> list[Statement]:
    """Return the statements of a file.

    Raises:
        BadFile: a record is missing, cut off or out of its place.
    """
    text = content.decode("latin-1")
    records = text.splitlines() if "\n" in text or "\r" in text else _cut(text)
    statements: list[Statement] = []
    opened: _Account | None = None
    for record in (one.ljust(_WIDTH) for one in records if one.strip()):
        kind = record[:2]
        if kind == "01":
            opened = _Account(record)
        elif opened is None or kind not in {"04", "05", "07"}:
            raise BadFile(f"Record {kind} stands where none of it may stand.")
        elif kind == "07":
            statements.append(opened.closed_by(record))
            opened = None
        else:
            opened.add(kind, record)
    if opened is not None or not statements:
        raise BadFile("The new balance (record 07) is missing: the file is cut off.")
    return statements


def _cut(text: str) -> list[str]:
    return [text[at : at + _WIDTH] for at in range(0, len(text), _WIDTH)]


def _minor(record: str, currency: str) -> int:
    """Return the amount at its place: its last sign is a digit and a sign in one."""
    digits, last = record[90:103], record[103]
    side = _PLUS if last in _PLUS else _MINUS
    if not digits.strip().isdigit() or last not in side or not record[19].isdigit():
        raise BadFile(f"The amount {tidy(record[90:104])} cannot be read.")
    decimals = int(record[19])
    whole = f"{digits.strip()}{side.index(last)}".zfill(decimals + 1)
    text = f"{whole[:-decimals]}.{whole[-decimals:]}" if decimals else whole
    return minor_of(text, currency) * (1 if side is _PLUS else -1)


def _day(text: str) -> date:
    return day_of(text[4:6], text[2:4], text[:2])


class _Account:
    """The statement that is being read."""

    def __init__(self, record: str) -> None:
        self.account = (record[2:7] + record[11:16] + record[21:32]).replace(" ", "")
        self.currency = record[16:19]
        self.opening = _minor(record, self.currency)
        self.lines: list[tuple[str, list[tuple[str, str]]]] = []

    def add(self, kind: str, record: str) -> None:
        """Take a movement, or what complements the one before."""
        if kind == "04":
            self.lines.append((record, []))
        elif not self.lines:
            raise BadFile("A complement (record 05) stands before any movement.")
        else:
            self.lines[-1][1].append((record[45:48], record[48:118].strip()))

    def closed_by(self, record: str) -> Statement:
        """Return the whole with its new balance."""
        return Statement(
            account=self.account,
            currency=self.currency,
            number=record[34:40],
            opening_minor=self.opening,
            closing_minor=_minor(record, self.currency),
            closing_on=_day(record[34:40]),
            lines=tuple(self._line(one, more) for one, more in self.lines),
        )

    def _line(self, record: str, more: list[tuple[str, str]]) -> Line:
        named: dict[str, str] = {}
        for kind, text in more:
            named[kind] = f"{named.get(kind, '')} {text}".strip()
        words = [record[48:79].strip(), named.get("LIB", ""), named.get("LCC", "")]
        words += [named.get("LC2", ""), named.get("REF", "")]
        reject = record[40:42].strip()
        return Line(
            booked_on=_day(record[34:40]),
            value_on=_day(record[42:48]) if record[42:48].strip() else _day(record[34:40]),
            minor=_minor(record, self.currency),
            text=tidy(" ".join(words)),
            name=tidy(named.get("NPY", "") or named.get("NBE", ""), 140),
            iban=tidy(named.get("IBP", "") or named.get("IBE", ""), 34),
            reference=tidy(record[81:88].strip() or record[104:120].strip(), 60),
            end_to_end=tidy(named.get("RCN", "").split(" ")[0], 35),
            return_code=f"C{reject}" if reject and reject != "00" else "",
        )
