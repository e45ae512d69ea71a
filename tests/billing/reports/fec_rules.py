"""Checks a FEC against article A47 A-1 (VII): read from the law, knows nothing of the writer."""

import re
from decimal import Decimal

HEAD = [
    "JournalCode", "JournalLib", "EcritureNum", "EcritureDate", "CompteNum", "CompteLib",
    "CompAuxNum", "CompAuxLib", "PieceRef", "PieceDate", "EcritureLib", "Debit", "Credit",
    "EcritureLet", "DateLet", "ValidDate", "Montantdevise", "Idevise",
]  # fmt: skip
# Fields that the law lets stand empty.
MAY_BE_EMPTY = {6, 7, 13, 14, 16, 17}
DAYS = (3, 9, 14, 15)
_AMOUNT = re.compile(r"-?[0-9]{1,20}(,[0-9]{2})?")
_DAY = re.compile(r"(19|20)[0-9]{2}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])")


def faults(name: str, content: bytes) -> list[str]:
    """Return what is wrong with the file, in words; nothing when it may be handed in."""
    found = [] if re.fullmatch(r"[0-9]{9}FEC[0-9]{8}\.txt", name) else [f"name {name}"]
    text = content.decode("iso8859-15")
    if any(ord(sign) < 32 and sign not in "\t\r\n" for sign in text):
        found.append("control characters")
    lines = text.split("\r\n")
    if lines.pop() != "":
        found.append("the last line does not end")
    rows = [line.split("\t") for line in lines]
    if rows[0] != HEAD:
        found.append(f"head {rows[0]}")
    body = rows[1:]
    for number, row in enumerate(body, 2):
        found += [f"line {number}: {fault}" for fault in _row(row)]
    return found + ([] if found else _whole(body, name))


def _row(row: list[str]) -> list[str]:
    if len(row) != len(HEAD):
        return [f"{len(row)} fields"]
    found = [f"{HEAD[place]} is empty" for place, value in enumerate(row)
             if not value and place not in MAY_BE_EMPTY]  # fmt: skip
    found += [f"{HEAD[place]} {row[place]}" for place in DAYS
              if row[place] and not _DAY.fullmatch(row[place])]  # fmt: skip
    found += [
        f"{HEAD[place]} {row[place]}" for place in (11, 12) if not _AMOUNT.fullmatch(row[place])
    ]
    if not re.match(r"[0-9]{3}", row[4]):
        found.append(f"CompteNum {row[4]} is not of the plan")
    if bool(row[6]) != bool(row[7]) or bool(row[13]) != bool(row[14]):
        found.append("auxiliary account or letter in part")
    if not found and (_of(row[11]) != 0) == (_of(row[12]) != 0):
        found.append("debit and credit on one line, or neither")
    return found


def _of(amount: str) -> Decimal:
    return Decimal(amount.replace(",", "."))


def _whole(body: list[list[str]], name: str) -> list[str]:
    found: list[str] = []
    sums: dict[str, Decimal] = {}
    numbers: dict[str, list[str]] = {}
    for row in body:
        sums[row[2]] = sums.get(row[2], Decimal(0)) + _of(row[11]) - _of(row[12])
        last = numbers.setdefault(row[0], [])
        if not last or last[-1] != row[2]:
            last.append(row[2])
        if row[3] > name[12:20]:
            found.append(f"{row[2]} is dated after the end of the year")
    found += [f"entry {key} does not balance" for key, total in sums.items() if total]
    for journal, keys in numbers.items():
        if [int(key.rsplit("-", 1)[1]) for key in keys] != list(range(1, len(keys) + 1)):
            found.append(f"journal {journal} has a gap, or an entry in pieces")
    valid = [row[15] for row in body]
    return found + ([] if valid == sorted(valid) else ["not in the order of validation"])
