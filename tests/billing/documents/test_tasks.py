"""Documents are rendered once: stored, or waiting with the reason in words, and tried again."""

import sys
from datetime import datetime, timedelta
from hashlib import sha256

import pytest

import billing.documents
from billing.documents import queries, services
from billing.documents.models import Document
from billing.documents.rendering import Rendered
from billing.documents.snapshot import Snapshot
from billing.documents.states import State
from billing.documents.tasks import render_document, sweep_documents
from erp.base.journal import JournalLine
from tests.billing.builders import a_customer, at
from tests.billing.documents.rendered import rendered
from tests.billing.documents.samples import dinar, domestic
from tests.billing.documents.test_ubl import for_peppol

pytestmark = pytest.mark.django_db
NOON = at("2026-12-01T12:00")


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("billing.documents.tasks.now", lambda: NOON)


def frozen(snapshot: Snapshot | None = None) -> Document:
    snapshot = snapshot or domestic()
    (made,) = services.freeze([(a_customer(), snapshot.number, snapshot.to_json())], at=NOON)
    return made


def again(document: Document) -> Document:
    return Document.objects.get(pk=document.pk)


def without(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """Make the machine one on which WeasyPrint cannot be imported."""

    class Missing:
        def find_spec(self, name: str, *_: object) -> None:
            if name == "weasyprint":
                raise error

    for name in ("rendering", "pdf"):
        monkeypatch.delitem(sys.modules, f"billing.documents.{name}", raising=False)
        monkeypatch.delattr(billing.documents, name, raising=False)
    monkeypatch.delitem(sys.modules, "weasyprint", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Missing(), *sys.meta_path])


def test_rendering_twice_keeps_the_first_bytes() -> None:
    document = frozen()
    render_document(document=document.pk)
    first = again(document)
    assert first.state == State.STORED
    assert sha256(queries.pdf_of(first)).hexdigest() == first.pdf_sha256
    assert queries.xml_of(first) == rendered("domestic").xml
    assert (first.attempts, first.rendered_at, first.findings) == (1, NOON, [])
    render_document(document=document.pk)
    services.render(document, at=NOON + timedelta(hours=1), by="a worker that read it before")
    second = again(document)
    assert (second.pdf_sha256, second.attempts) == (first.pdf_sha256, 1)
    assert second.state_since == NOON


def test_the_sweep_hands_out_what_waits_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    handed: list[int] = []
    monkeypatch.setattr(render_document, "delay", lambda *, document: handed.append(document))
    waiting, stored, later = frozen(), frozen(), frozen()
    render_document(document=stored.pk)
    Document.objects.filter(pk=later.pk).update(next_attempt_at=NOON + timedelta(seconds=1))
    sweep_documents()
    sweep_documents()
    assert handed == [waiting.pk, waiting.pk]


def test_a_broken_rule_fails_in_words_and_stores_nothing() -> None:
    document = frozen(for_peppol(dinar()))
    render_document(document=document.pk)
    failed = again(document)
    assert failed.state == State.FAILED
    assert "BR-DEC-23: The allowed maximum number of decimals for the" in failed.state_reason
    assert (failed.pdf, failed.xml, failed.rendered_at) == (None, None, None)
    assert failed.fatals > 0
    assert failed.next_attempt_at == NOON + timedelta(minutes=1)
    with pytest.raises(queries.NotRendered):
        queries.pdf_of(failed)


@pytest.mark.parametrize(
    "error", [OSError("cannot load library 'libpango-1.0-0'"), ImportError("weasyprint")]
)
def test_without_pango_it_waits_with_the_command_that_helps(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    document = frozen()
    with monkeypatch.context() as machine:
        without(machine, error)
        render_document(document=document.pk)
    blocked = again(document)
    assert blocked.state == State.BLOCKED
    assert "apt-get install libpango-1.0-0 libpangoft2-1.0-0" in blocked.state_reason
    assert str(error) in blocked.state_reason
    services.render(blocked, at=blocked.next_attempt_at, by="the sweep, after the install")
    assert again(document).state == State.STORED


def test_a_failure_is_tried_again_later_each_time_and_recorded_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(_: Snapshot) -> Rendered:
        raise RuntimeError("no space left")

    document = frozen()
    waits: list[timedelta] = []
    moment: datetime = NOON
    with monkeypatch.context() as machine:
        machine.setattr("billing.documents.rendering.render", fail)
        for _ in range(8):
            services.render(again(document), at=moment, by="the sweep")
            waits.append(again(document).next_attempt_at - moment)
            moment = again(document).next_attempt_at
    assert waits[:3] == [timedelta(minutes=1), timedelta(minutes=2), timedelta(minutes=4)]
    assert waits[-1] == services.MOST_PATIENCE
    assert again(document).state_reason == "RuntimeError: no space left"
    assert JournalLine.objects.filter(event=State.FAILED).count() == 1
    services.render(again(document), at=moment, by="the sweep")
    assert again(document).state == State.STORED


def test_of_two_workers_the_second_drops_its_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    document = frozen()
    first, late = rendered("domestic"), rendered("two-rates")

    def overtaken(_: Snapshot) -> Rendered:
        monkeypatch.setattr("billing.documents.rendering.render", lambda _: first)
        services.render(again(document), at=NOON, by="the faster worker")
        return late

    monkeypatch.setattr("billing.documents.rendering.render", overtaken)
    services.render(document, at=NOON, by="the slower worker")
    assert again(document).pdf_sha256 == first.pdf_sha256


def test_a_snapshot_that_does_not_match_its_hash_is_not_rendered() -> None:
    document = frozen()
    document.snapshot["number"] = "F-2026-000043"
    with pytest.raises(services.SnapshotChanged):
        services.render(document, at=NOON, by="anna")
    assert again(document).state == State.WAITING
