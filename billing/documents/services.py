"""Freeze a snapshot, render it once, keep the bytes."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from django.db import transaction

from billing.documents.findings import Finding, Invalid
from billing.documents.models import Document
from billing.documents.snapshot import from_json
from billing.documents.states import State
from erp.base.errors import DomainError
from erp.base.inserts import insert
from erp.base.lifecycle import move
from erp.customers.models import Organisation

if TYPE_CHECKING:
    from billing.documents.rendering import Rendered

NEEDS_PANGO = "needs libpango: apt-get install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0"
# After a failure the sweep waits longer each time, at most an hour.
MOST_PATIENCE = timedelta(hours=1)


class SnapshotChanged(DomainError):
    """The frozen snapshot does not match its hash: nothing is rendered from it."""

    code = "snapshot_changed"
    status = 500


def hash_of(snapshot: Mapping[str, Any]) -> str:
    """Return the SHA-256 of the snapshot, written with sorted keys."""
    written = json.dumps(snapshot, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return sha256(written.encode()).hexdigest()


def freeze(
    documents: Iterable[tuple[Organisation, str, Mapping[str, Any]]], *, at: datetime
) -> list[Document]:
    """Keep everything that each document will say: owner, title and snapshot.

    Its rendering is due at once.
    """
    return insert(
        Document(
            organisation_id=owner.pk,
            title=title,
            snapshot=dict(snapshot),
            snapshot_sha256=hash_of(snapshot),
            state=State.WAITING,
            state_since=at,
            next_attempt_at=at,
        )
        for owner, title, snapshot in documents
    )


def render(document: Document, *, at: datetime, by: str) -> None:
    """Render what is not stored yet and keep the bytes; a stored document is left alone.

    A document that breaks a rule is never stored: it fails with the rule in words.
    Rendering takes long and holds no lock; when two workers render the same, the second to finish
    finds it stored and drops its bytes.

    Raises:
        SnapshotChanged: the snapshot is not what was frozen.
    """
    if document.state == State.STORED:
        return
    if hash_of(document.snapshot) != document.snapshot_sha256:
        raise SnapshotChanged
    try:
        # Imported here: the libraries of pango may be missing, and only rendering needs them.
        from billing.documents.rendering import render as rendered
    except (OSError, ImportError) as error:
        _put_off(document, State.BLOCKED, f"{NEEDS_PANGO} ({error})", at=at, by=by)
        return
    try:
        made = rendered(from_json(document.snapshot))
    except DomainError as error:
        found = error.findings if isinstance(error, Invalid) else ()
        _put_off(document, State.FAILED, str(error), at=at, by=by, findings=found)
    except Exception as error:  # the reason goes to the page; the sweep tries again later
        _put_off(document, State.FAILED, f"{type(error).__name__}: {error}", at=at, by=by)
    else:
        _store(document, made, at=at, by=by)


@transaction.atomic
def _store(document: Document, made: "Rendered", *, at: datetime, by: str) -> None:
    row = Document.objects.select_for_update().get(pk=document.pk)
    if row.state == State.STORED:
        return
    also = {
        "pdf": made.pdf,
        "xml": made.xml,
        "pdf_sha256": made.pdf_sha256,
        "xml_sha256": made.xml_sha256,
        "findings": [asdict(one) for one in made.findings],
        "rendered_at": at,
        "attempts": row.attempts + 1,
    }
    move(row, State.STORED, at=at, by=by, also=also)


@transaction.atomic
def _put_off(
    document: Document,
    to: State,
    why: str,
    *,
    at: datetime,
    by: str,
    findings: Sequence[Finding] = (),
) -> None:
    row = Document.objects.select_for_update().get(pk=document.pk)
    if row.state == State.STORED:
        return
    attempts = row.attempts + 1
    patience = min(timedelta(seconds=30) * 2 ** min(attempts, 10), MOST_PATIENCE)
    also = {
        "attempts": attempts,
        "next_attempt_at": at + patience,
        "findings": [asdict(one) for one in findings],
    }
    if row.state == to:
        Document.objects.filter(pk=row.pk).update(state_reason=why[:1000], **also)
    else:
        move(row, to, at=at, by=by, why=why[:1000], also=also)
