"""The compliance proof: holds for good books, names what was changed, convinces a stranger."""

import io
import json
import subprocess
import sys
import zipfile
from datetime import date
from pathlib import Path

import pytest
import time_machine
from django.core.management import CommandError, call_command

from billing.documents.models import Document
from billing.documents.services import render
from billing.reports.compliance import Proof, faults_of, look
from billing.reports.proof_archive import write
from erp.base.journal import history
from erp.customers.models import Organisation
from tests.billing.builders import OPENED, FakeUsage, a_customer, a_reseller
from tests.billing.reports.books import some_books
from tests.billing.test_pages import signed_in

pytestmark = pytest.mark.django_db
SCRIPT = Path(__file__).resolve().parents[3] / "docs/scripts/verify_proof.py"
DAYS = {"start": date(2026, 11, 1), "end": date(2026, 12, 31)}


@pytest.fixture
def books(usage: FakeUsage) -> Organisation:
    found = some_books(usage, legal_id="732 829 320 00074")
    for document in Document.objects.all():
        render(document, at=OPENED, by="test")
    return found


def found_in(proof: Proof) -> dict[str, tuple[str, ...]]:
    return {one.name: one.findings for one in proof.checks if not one.holds}


def verified(content: bytes, path: Path, *more: str) -> subprocess.CompletedProcess[str]:
    path.write_bytes(content)
    command = [sys.executable, "-I", str(SCRIPT), str(path), *more]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def archived(books: Organisation) -> tuple[bytes, str]:
    target = io.BytesIO()
    made = write(look(books, **DAYS), target, at=OPENED, by="anna")
    return target.getvalue(), made.manifest_sha256


def test_good_books_hold(books: Organisation) -> None:
    proof = look(books, **DAYS)

    assert found_in(proof) == {}
    assert {one.name: one.looked_at for one in proof.checks} == {
        "numbers": 3, "invoices": 3, "documents": 3, "ledger": 6, "sums": 3, "fec": 18,
    }  # fmt: skip


def test_a_stranger_is_convinced_by_the_file(books: Organisation, tmp_path: Path) -> None:
    content, manifest = archived(books)

    answer = verified(content, tmp_path / "proof.zip", manifest)

    assert (answer.returncode, answer.stdout) == (
        0, "Provider, 2026-11-01 to 2026-12-31\nAll holds.\n",
    )  # fmt: skip
    noted = history(books).get(event="proof_made")
    assert (noted.details["manifest_sha256"], noted.why) == (manifest, "all holds")
    names = zipfile.ZipFile(io.BytesIO(content)).namelist()
    assert "732829320FEC20261231.txt" in names


def changed(content: bytes, name: str, before: str, after: str) -> bytes:
    """Return the file with a part changed, and the manifest made to agree again."""
    import hashlib

    source, target = zipfile.ZipFile(io.BytesIO(content)), io.BytesIO()
    parts = {one: source.read(one) for one in source.namelist()}
    assert before.encode() in parts[name]
    parts[name] = parts[name].replace(before.encode(), after.encode(), 1)
    manifest = json.loads(parts["manifest.json"])
    manifest["files"][name] = hashlib.sha256(parts[name]).hexdigest()
    parts["manifest.json"] = json.dumps(manifest).encode()
    with zipfile.ZipFile(target, "w") as file:
        for one, part in parts.items():
            file.writestr(one, part)
    return target.getvalue()


@pytest.mark.parametrize(
    ("name", "before", "after", "words"),
    [
        ("invoices.jsonl", '"net_minor": 3000', '"net_minor": 2000', "says something else"),
        ("invoices.jsonl", '\\"2026-11-02\\"', '\\"2026-11-01\\"', "hash is not of the text"),
        ("entries.jsonl", "Invoice F-2026-0001", "Invoice F-2026-0009", "hash is not of the text"),
        ("anchors.jsonl", '"hash": "', '"hash": "0', "not what was anchored"),
    ],
)  # fmt: skip
def test_a_stranger_finds_what_was_changed_in_the_file(
    books: Organisation, tmp_path: Path, name: str, before: str, after: str, words: str
) -> None:
    from billing.ledger.tasks import sweep_anchors

    with time_machine.travel(OPENED, tick=False):
        sweep_anchors()
    content, manifest = archived(books)

    forged = changed(content, name, before, after)

    answer = verified(forged, tmp_path / "forged.zip")
    assert answer.returncode == 1
    assert words in answer.stdout
    assert (
        "the manifest has the SHA-256" in verified(forged, tmp_path / "forged.zip", manifest).stdout
    )


@time_machine.travel(OPENED, tick=False)
def test_the_page_proves_and_sends_the_file(books: Organisation, tmp_path: Path) -> None:
    accountant = signed_in(books, "accountant")
    asked = {"books": books.reference, "start": "2026-11-01", "end": "2026-12-31"}

    assert "What was looked at" not in accountant.get("/reports/proof").content.decode()
    assert "All holds" in accountant.get("/reports/proof", asked).content.decode()
    wrong = accountant.get("/reports/proof", asked | {"end": "2026-01-01"})
    assert wrong.status_code == 422
    file = accountant.post("/reports/proof/file", asked)

    content = b"".join(file.streaming_content)  # type: ignore[attr-defined]
    assert verified(content, tmp_path / "p.zip", file["X-Manifest-SHA256"]).returncode == 0
    reseller = signed_in(a_reseller(), "reseller_manager")
    assert reseller.get("/reports/proof", asked).status_code == 404
    assert reseller.post("/reports/proof/file", asked).status_code == 404
    assert signed_in(a_customer("Other"), "owner").get("/reports/proof").status_code == 403


def test_the_command_proves_and_fails_when_something_is_wrong(
    books: Organisation, tmp_path: Path
) -> None:
    asked = [books.reference, "2026-11-01", "2026-12-31"]
    call_command("prove_compliance", *asked, "--file", str(tmp_path / "proof.zip"))
    assert verified((tmp_path / "proof.zip").read_bytes(), tmp_path / "copy.zip").returncode == 0

    Organisation.objects.filter(pk=books.pk).update(legal_id="1")
    with pytest.raises(CommandError, match="does not hold"):
        call_command("prove_compliance", *asked)
    with pytest.raises(CommandError, match="is no seller"):
        call_command("prove_compliance", "O-NOBODY", "2026-11-01", "2026-12-31")


def test_a_fec_that_the_law_refuses_is_named() -> None:
    head = "\t".join(["x"] * 18)
    good = ["VT", "V", "1", "20261101", "411", "C", "", "", "F", "20261101", "L", "1,00", "0,00",
            "", "", "20261101", "", ""]  # fmt: skip
    short, empty = good[:-1], [*good[:8], "", *good[9:]]

    count, found = faults_of("\t".join(row) + "\r\n" for row in ([head], good, short, empty))

    assert count == 2
    assert found == [
        "line 3 has 17 fields", "line 4 lacks a field", "entry 1 does not balance",
    ]  # fmt: skip
