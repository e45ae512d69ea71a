"""Checks a DATEV stack against the published format (EXTF 700, Buchungsstapel 13).

It also imports the stack as DATEV would: tax is taken out of automatic accounts and by keys, so
that a test can compare the balances with ours.
"""

import csv
import re
from decimal import ROUND_HALF_UP, Decimal

HEAD = [
    r"EXTF", "700", "21", "Buchungsstapel", "13", r"\d{17}", "", "[A-Z]{0,2}", ".{0,25}", ".{0,25}",
    r"\d{4,7}", r"[1-9]\d{0,4}", r"\d{8}", "[4-8]", r"\d{8}", r"\d{8}", ".{0,30}", ".{0,2}",
    "[12]", "0|30|40|50|64", "[01]", "[A-Z]{3}", "", ".{0,2}", "", "", r"\d{2}", "", "", "",
    ".{0,16}",
]  # fmt: skip
# SKR03 in 2026: what takes tax out by itself, where it goes, and what the keys mean.
AUTOMATIC = {"8400": "19", "8300": "7"}
TAX_ACCOUNT = {"19": "1776", "7": "1771"}
KEYS = {"3": "19", "2": "7", "40": None}


def read(content: bytes) -> tuple[list[str], list[str], list[dict[str, str]]]:
    text = content.decode("cp1252")
    assert text.endswith("\r\n")
    rows = list(csv.reader(text.splitlines(), delimiter=";"))
    return rows[0], rows[1], [dict(zip(rows[1], row, strict=True)) for row in rows[2:]]


def faults(content: bytes) -> list[str]:
    """Return what is wrong with the file, in words."""
    head, columns, rows = read(content)
    found = [
        f"head {place}: {value}"
        for place, (rule, value) in enumerate(zip(HEAD, head, strict=True), 1)
        if not re.fullmatch(rule, value)
    ]
    if len(columns) != 125 or columns[6] != "Konto" or columns[113] != "Festschreibung":
        found.append(f"{len(columns)} columns")
    if not head[12] <= head[14] <= head[15]:
        found.append("the days are not in the year")
    for number, row in enumerate(rows, 3):
        found += [f"line {number}: {fault}" for fault in _row(row, head)]
    return found


def _row(row: dict[str, str], head: list[str]) -> list[str]:
    rules = {
        "Umsatz (ohne Soll/Haben-Kz)": r"(?!0{1,10},00)\d{1,10},\d{2}",
        "Soll/Haben-Kennzeichen": "[SH]",
        "WKZ Umsatz": "[A-Z]{3}",
        "Konto": rf"\d{{{head[13]}}}|[1-6]\d{{{head[13]}}}",
        "Gegenkonto (ohne BU-Schlüssel)": rf"\d{{{head[13]}}}|[1-6]\d{{{head[13]}}}",
        "BU-Schlüssel": r"\d{0,4}",
        "Belegdatum": r"(0[1-9]|[12]\d|3[01])(0[1-9]|1[0-2])",
        "Belegfeld 1": r"[A-Za-z0-9$&%*+\-/_. ]{0,36}",
        "Buchungstext": ".{0,60}",
        "EU-Land u. UStID (Bestimmung)": "([A-Z]{2}.{0,13})?",
        "Festschreibung": "[01]?",
    }
    found = [
        f"{name} {row[name]}" for name, rule in rules.items() if not re.fullmatch(rule, row[name])
    ]
    if not head[14][4:] <= row["Belegdatum"][2:] + row["Belegdatum"][:2] <= head[15][4:]:
        found.append("the day is outside the stack")
    return found


def balances(content: bytes) -> dict[str, int]:
    """Return what each account holds after the import, in cents: debit positive."""
    held: dict[str, int] = {}
    for row in read(content)[2]:
        minor = int(row["Umsatz (ohne Soll/Haben-Kz)"].replace(",", ""))
        sign = 1 if row["Soll/Haben-Kennzeichen"] == "S" else -1
        sides = [
            (row["Konto"], sign * minor),
            (row["Gegenkonto (ohne BU-Schlüssel)"], -sign * minor),
        ]
        key = row["BU-Schlüssel"]
        for account, amount in sides:
            is_impersonal = len(account) == 4 and account != "1200"
            rate = KEYS[key] if key and is_impersonal else None if key else AUTOMATIC.get(account)
            tax = _tax(amount, rate) if rate else 0
            held[account] = held.get(account, 0) + amount - tax
            if rate:
                held[TAX_ACCOUNT[rate]] = held.get(TAX_ACCOUNT[rate], 0) + tax
    return {account: amount for account, amount in held.items() if amount}


def _tax(gross: int, rate: str) -> int:
    exact = Decimal(gross) * int(rate) / (100 + int(rate))
    return int(exact.to_integral_value(ROUND_HALF_UP))
