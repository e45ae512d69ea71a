"""The FEC: valid by the law's own words, exact, and refused with the reason."""

from datetime import date

import pytest

from billing.ledger.models import Journal
from billing.ledger.services import Fact, post
from billing.reports import fec
from erp.customers.models import Organisation
from tests.billing.builders import OPENED, FakeUsage
from tests.billing.reports.books import some_books
from tests.billing.reports.fec_rules import HEAD, faults
from tests.billing.test_pages import signed_in

pytestmark = pytest.mark.django_db
YEAR = date(2026, 1, 1)
NAME = "732829320FEC20261231.txt"


@pytest.fixture
def books(usage: FakeUsage) -> Organisation:
    return some_books(usage, legal_id="732 829 320 00074")


def written(books: Organisation) -> bytes:
    return b"".join(fec.lines(books, YEAR))


def test_it_is_what_the_law_asks_for(books: Organisation) -> None:
    assert fec.name_of(books, YEAR) == NAME
    content = written(books)
    assert faults(NAME, content) == []
    rows = [line.split("\t") for line in content.decode("iso8859-15").splitlines()]
    first = dict(zip(HEAD, rows[1], strict=True))
    assert (first["JournalCode"], first["JournalLib"]) == ("VT", "Ventes")
    assert first["EcritureNum"] == "VT-2026-000001"
    assert {row[4]: row[6:8] for row in rows[1:]}["411"][1] in {"Anna", "Ben"}
    assert sum(row[13] == "AA" for row in rows) == 2


def test_the_page_sends_it(books: Organisation) -> None:
    accountant = signed_in(books, "accountant")
    answer = accountant.get("/reports/exports/fec?day=2026-11-30")
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{NAME}"'
    assert b"".join(answer) == written(books)


def test_letters_that_the_set_lacks_are_written_near(books: Organisation) -> None:
    legs = {"512": 1, "758": -1}
    post(books, Fact("X", Journal.MISC, "EUR", "Łódź\t→ Škoda €", legs), at=OPENED)
    content = written(books)
    assert faults(NAME, content) == []
    assert "?ódz ? Škoda €" in content.decode("iso8859-15")


def test_what_it_cannot_say_is_refused_in_words(books: Organisation) -> None:
    accountant = signed_in(books, "accountant")
    post(books, Fact("X", Journal.MISC, "USD", "x", {"512": 1, "758": -1}), at=OPENED)
    answer = accountant.get("/reports/exports/fec?day=2026-11-30")
    assert answer.status_code == 422
    assert "1 entries are not in EUR, like OD-2026-000002" in answer.content.decode()
    Organisation.objects.filter(pk=books.pk).update(legal_id="HRB 1")
    answer = accountant.get("/reports/exports/fec?day=2026-11-30")
    assert "named by the SIREN" in answer.content.decode()
    assert accountant.get("/reports/exports/fec?day=never").status_code == 422


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (b"VT-2026-000001", b"VT-2026-000009", "has a gap"),
        (b"\t30,00\t", b"\t30,01\t", "does not balance"),
        (b"\t30,00\t", b"\t30.00\t", "Credit 30.00"),
        (b"20261102\t411\t", b"20261302\t411\t", "EcritureDate 20261302"),
        (b"\t512\t", b"\tBK\t", "CompteNum BK"),
        (b"JournalCode", b"Journal", "head"),
    ],
)
def test_the_checker_sees_what_is_wrong(
    books: Organisation, old: bytes, new: bytes, words: str
) -> None:
    content = written(books)
    assert old in content
    assert words in "; ".join(faults(NAME, content.replace(old, new)))
