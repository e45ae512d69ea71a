"""The compliance proof as a file that a stranger can check with a small script of his own.

A ZIP of JSON: what was asked and answered, every document and every entry of the period with the
very text that its hash is of, and a manifest with the SHA-256 of each file. Who got the SHA-256 of
the manifest on another way, from the journal of the books for example, needs to trust nothing else.

Source: docs/compliance.md
"""

import json
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.db import connection, transaction

from billing.reports import fec
from billing.reports.accounts import year_of
from billing.reports.compliance import Proof
from erp.base.errors import DomainError
from erp.base.journal import record

VERSION = 1
SCRIPT = Path("docs/scripts/verify_proof.py")
# The texts that the database hashes: billing/migrations/0004 and 0008.
_INVOICES = """
SELECT i.number, i.prefix, i.year, i.sequence, i.issued_on::text, i.kind, i.currency, i.net_minor,
    i.tax_minor, i.total_minor, d.snapshot_sha256, d.pdf_sha256, d.xml_sha256,
    i.previous_hash, i.hash,
    jsonb_build_array(
        i.issuer_id, i.organisation_id, i.contract_id, i.kind, i.number, i.issued_on, i.due_on,
        i.currency, i.net_minor, i.tax_minor, i.total_minor, i.taxes,
        extract(epoch FROM i.period_start_at), extract(epoch FROM i.period_end_at),
        d.snapshot_sha256, i.previous_hash)::text AS hashed
FROM billing_invoice i JOIN billing_document d ON d.id = i.document_id
WHERE i.issuer_id = %(books)s AND i.number <> '' AND i.issued_on BETWEEN %(start)s AND %(end)s
ORDER BY i.prefix, i.year, i.sequence
"""
_ENTRIES = """
SELECT e.position, e.key, e.journal, e.currency, e.posted_on::text, e.piece,
    e.previous_hash, e.hash,
    (jsonb_build_array(
        e.organisation_id, e.position, e.key, e.journal, e.currency,
        extract(epoch FROM e.posted_at), e.description, e.amounts,
        e.previous_hash) || CASE WHEN e.recorded_at = e.posted_at THEN '[]'::jsonb
        ELSE jsonb_build_array(e.posted_on, e.fiscal_year, e.number, e.piece,
            e.piece_on, e.reverses_id, extract(epoch FROM e.recorded_at)) END)::text AS hashed
FROM billing_entry e WHERE e.organisation_id = %(books)s AND e.position BETWEEN
    coalesce((SELECT min(position) FROM billing_entry WHERE organisation_id = %(books)s
              AND posted_on BETWEEN %(start)s AND %(end)s), 1)
    AND coalesce((SELECT max(position) FROM billing_entry WHERE organisation_id = %(books)s
                  AND posted_on BETWEEN %(start)s AND %(end)s), 0)
ORDER BY e.position
"""
_ANCHORS = """
SELECT position, hash, at::text, why FROM billing_anchor WHERE organisation_id = %(books)s
ORDER BY position
"""


@dataclass(frozen=True, slots=True)
class Written:
    """A proof that was written: the SHA-256 of its manifest names it for ever."""

    manifest_sha256: str
    files: int


class _Hashing:
    """A file of the ZIP, hashed while it is written."""

    def __init__(self, target: IO[bytes]) -> None:
        self._target = target
        self._hash = sha256()

    def write(self, content: bytes) -> None:
        self._hash.update(content)
        self._target.write(content)

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()


@transaction.atomic
def write(proof: Proof, target: IO[bytes], *, at: datetime, by: str) -> Written:
    """Write the ZIP and note its hash in the journal of the books, which is chained itself."""
    facts = {"books": proof.books.pk, "start": proof.start, "end": proof.end}
    hashes: dict[str, str] = {}
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as file:
        for name, chunks in _parts(proof, facts, at):
            with file.open(name, "w", force_zip64=True) as into:
                part = _Hashing(into)
                for chunk in chunks:
                    part.write(chunk)
            hashes[name] = part.sha256
        manifest = _json({"version": VERSION, "files": hashes})
        file.writestr("manifest.json", manifest)
    named = sha256(manifest).hexdigest()
    days = {"start": proof.start.isoformat(), "end": proof.end.isoformat()}
    why = "all holds" if proof.holds else "something does not hold"
    record(proof.books, "proof_made", at=at, by=by, why=why, manifest_sha256=named, **days)
    return Written(named, len(hashes) + 1)


def _parts(
    proof: Proof, facts: Mapping[str, Any], at: datetime
) -> Iterator[tuple[str, Iterator[bytes]]]:
    yield "proof.json", iter([_json(_answers(proof, at))])
    yield "invoices.jsonl", _rows(_INVOICES, facts)
    yield "entries.jsonl", _rows(_ENTRIES, facts)
    yield "anchors.jsonl", _rows(_ANCHORS, facts)
    year = year_of(proof.books, proof.end)
    try:
        name = fec.name_of(proof.books, year)
        fec.check(proof.books, year)
    except DomainError:
        pass  # It cannot be written: the proof says why.
    else:
        yield name, fec.lines(proof.books, year)
    yield "verify_proof.py", iter([(Path(settings.BASE_DIR) / SCRIPT).read_bytes()])


def _answers(proof: Proof, at: datetime) -> dict[str, Any]:
    books = proof.books
    return {
        "version": VERSION,
        "books": {"reference": books.reference, "name": books.name, "legal_id": books.legal_id},
        "start": proof.start.isoformat(),
        "end": proof.end.isoformat(),
        "made_at": at.isoformat(),
        "holds": proof.holds,
        "checks": [
            {
                "name": one.name,
                "title": one.title,
                "looked_at": one.looked_at,
                "findings": list(one.findings),
            }
            for one in proof.checks
        ],
    }


def _rows(statement: str, facts: Mapping[str, Any]) -> Iterator[bytes]:
    """Return rows as lines of JSON, from a cursor of the server: in constant memory."""
    with connection.chunked_cursor() as cursor:
        cursor.execute(statement, dict(facts))
        names: list[str] = []
        for row in cursor:
            names = names or [column[0] for column in cursor.description]
            yield _json(dict(zip(names, row, strict=True)))


def _json(value: object) -> bytes:
    return (json.dumps(value, ensure_ascii=False, sort_keys=True) + "\n").encode()
