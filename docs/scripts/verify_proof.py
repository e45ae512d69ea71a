#!/usr/bin/env python3
"""Check a compliance proof without the system that made it: Python 3.9 or newer, nothing else.

    python3 verify_proof.py proof.zip [SHA-256 of the manifest]

It compares every file with the manifest, computes the hash of every document and entry anew, walks
both chains, counts the numbers, adds up the FEC, and tells what does not hold. The exit status is 0
when all holds. Give the SHA-256 that you got on another way to know that the file is the one.
"""

from __future__ import annotations

import hashlib
import io
import json
import sys
import zipfile
from collections.abc import Iterator
from typing import Any

MOST = 20


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def lines_of(file: zipfile.ZipFile, name: str) -> Iterator[dict[str, Any]]:
    with file.open(name) as content:
        for line in io.TextIOWrapper(content, encoding="utf-8"):
            yield json.loads(line)


def check_files(file: zipfile.ZipFile, expected: str) -> Iterator[str]:
    manifest = file.read("manifest.json")
    if expected and sha256(manifest) != expected.strip().lower():
        yield f"the manifest has the SHA-256 {sha256(manifest)}, not {expected}"
    hashes = json.loads(manifest)["files"]
    names = set(file.namelist()) - {"manifest.json"}
    for name in sorted(names ^ set(hashes)):
        yield f"{name} is in the file or in the manifest, not in both"
    for name in sorted(names & set(hashes)):
        digest = hashlib.sha256()
        with file.open(name) as content:
            for chunk in iter(lambda: content.read(1 << 20), b""):
                digest.update(chunk)
        if digest.hexdigest() != hashes[name]:
            yield f"{name} is not what the manifest names"


def check_invoices(file: zipfile.ZipFile) -> Iterator[str]:
    """Numbers follow each other, each hash is of the text beside it, each names the one before."""
    before: dict[str, dict[str, Any]] = {}
    for row in lines_of(file, "invoices.jsonl"):
        number, hashed = row["number"], json.loads(row["hashed"])
        if sha256(row["hashed"].encode()) != row["hash"]:
            yield f"{number}: the hash is not of the text beside it"
        facts = [row[name] for name in ("kind", "number", "issued_on")]
        sums = [row[name] for name in ("currency", "net_minor", "tax_minor", "total_minor")]
        if hashed[3:6] != facts or hashed[7:11] != sums or hashed[-2] != row["snapshot_sha256"]:
            yield f"{number}: the text that was hashed says something else"
        if hashed[-1] != row["previous_hash"]:
            yield f"{number}: it names another one before it"
        last = before.get(row["prefix"])
        if last and row["previous_hash"] != last["hash"]:
            yield f"{number}: the chain is broken before it"
        if last and last["year"] == row["year"]:
            if row["sequence"] != last["sequence"] + 1:
                yield f"{number}: a number is missing before it"
            if row["issued_on"] < last["issued_on"]:
                yield f"{number}: it is dated before {last['number']}"
        before[row["prefix"]] = row


def check_entries(file: zipfile.ZipFile) -> Iterator[str]:
    anchors = {row["position"]: row["hash"] for row in lines_of(file, "anchors.jsonl")}
    last: dict[str, Any] | None = None
    for row in lines_of(file, "entries.jsonl"):
        name, hashed = f"entry {row['position']}", json.loads(row["hashed"])
        if sha256(row["hashed"].encode()) != row["hash"]:
            yield f"{name}: the hash is not of the text beside it"
        if hashed[1] != row["position"] or hashed[2] != row["key"]:
            yield f"{name}: the text that was hashed says something else"
        if sum(hashed[7].values()) != 0:
            yield f"{name}: debit and credit differ"
        if hashed[8] != row["previous_hash"] or (last and last["hash"] != row["previous_hash"]):
            yield f"{name}: the chain is broken before it"
        if last and row["position"] != last["position"] + 1:
            yield f"{name}: an entry is missing before it"
        if anchors.get(row["position"], row["hash"]) != row["hash"]:
            yield f"{name}: it is not what was anchored"
        last = row


def check_fec(file: zipfile.ZipFile) -> Iterator[str]:
    for name in file.namelist():
        if "FEC" not in name or not name.endswith(".txt"):
            continue
        balances: dict[str, int] = {}
        rows = file.read(name).decode("iso8859-15").split("\r\n")[1:]
        for row in filter(None, rows):
            fields = row.split("\t")
            debit, credit = (int(fields[place].replace(",", "")) for place in (11, 12))
            balances[fields[2]] = balances.get(fields[2], 0) + debit - credit
        for entry, minor in balances.items():
            if minor:
                yield f"{name}: entry {entry} does not balance"


def check_answers(file: zipfile.ZipFile) -> Iterator[str]:
    proof = json.loads(file.read("proof.json"))
    for check in proof["checks"]:
        for finding in check["findings"]:
            yield f"found when it was made: {finding} ({check['title']})"


def main(arguments: list[str]) -> int:
    if len(arguments) not in (1, 2):
        print(__doc__)
        return 2
    expected = arguments[1] if len(arguments) == 2 else ""
    with zipfile.ZipFile(arguments[0]) as file:
        found = list(check_files(file, expected))
        for check in (check_invoices, check_entries, check_fec, check_answers):
            found += check(file)
        proof = json.loads(file.read("proof.json"))
    print(f"{proof['books']['name']}, {proof['start']} to {proof['end']}")
    for finding in found[:MOST]:
        print(f"- {finding}")
    if len(found) > MOST:
        print(f"- and {len(found) - MOST} more")
    print("DOES NOT HOLD" if found else "All holds.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
