"""The PDF is PDF/A-3b, carries the XML byte for byte, and reads nothing but our own files."""

import io
import shutil
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from hashlib import sha256
from itertools import pairwise

import pikepdf
import pytest

from billing.documents.pdf import NotOurs, OwnFiles, pdf_of
from tests.billing.documents.rendered import rendered
from tests.billing.documents.samples import GOLDEN

FX = "{urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#}"
PDFAID = "{http://www.aiim.org/pdfa/ns/id/}"


@pytest.fixture(params=sorted(GOLDEN))
def opened(request: pytest.FixtureRequest) -> Iterator[tuple[str, pikepdf.Pdf]]:
    with pikepdf.open(io.BytesIO(rendered(request.param).pdf)) as pdf:
        yield request.param, pdf


reads_text = pytest.mark.skipif(not shutil.which("pdftotext"), reason="needs poppler-utils")


def words_of(pdf: bytes) -> str:
    """Return the text of a PDF, every kind of white space as one plain space."""
    made = subprocess.run(
        ["pdftotext", "-layout", "-", "-"], input=pdf, capture_output=True, check=True
    )
    return " ".join(made.stdout.decode().split())


def test_it_declares_pdf_a_3b_and_factur_x(opened: tuple[str, pikepdf.Pdf]) -> None:
    _, pdf = opened
    stated = {one.tag: one.text for one in ET.fromstring(pdf.Root.Metadata.read_bytes()).iter()}
    assert (stated[f"{PDFAID}part"], stated[f"{PDFAID}conformance"]) == ("3", "B")
    assert stated[f"{FX}DocumentType"] == "INVOICE"
    assert stated[f"{FX}DocumentFileName"] == "factur-x.xml"
    assert stated[f"{FX}ConformanceLevel"] == "EN 16931"
    assert "/ID" in pdf.trailer
    assert "/Encrypt" not in pdf.trailer


def test_its_colours_and_fonts_stand_in_the_file(opened: tuple[str, pikepdf.Pdf]) -> None:
    _, pdf = opened
    (intent,) = pdf.Root.OutputIntents
    assert intent.S == "/GTS_PDFA1"
    assert intent.DestOutputProfile.read_bytes()
    fonts = [font for page in pdf.pages for font in page.Resources.Font.values()]
    assert fonts
    for font in fonts:
        described = font.DescendantFonts[0].FontDescriptor
        assert "+Inter" in str(font.BaseFont), "our font, cut to the letters used"
        assert "/FontFile2" in described or "/FontFile3" in described


def test_the_xml_inside_is_the_xml_that_is_kept(opened: tuple[str, pikepdf.Pdf]) -> None:
    name, pdf = opened
    assert list(pdf.attachments) == ["factur-x.xml"]
    (listed,) = pdf.Root.AF
    assert listed.AFRelationship == "/Data"
    assert listed.EF.F.Subtype == "/text/xml"
    assert listed.EF.F.read_bytes() == rendered(name).xml


@pytest.mark.parametrize("name", GOLDEN)
def test_the_hashes_are_those_of_the_bytes(name: str) -> None:
    made = rendered(name)
    assert made.pdf_sha256 == sha256(made.pdf).hexdigest()
    assert made.xml_sha256 == sha256(made.xml).hexdigest()
    assert made.findings == ()


@reads_text
def test_the_french_page_says_what_is_owed() -> None:
    words = words_of(rendered("domestic").pdf)
    for said in (
        "19,75 € à payer le 3 mars 2026",
        "Total HT 16,46 €",
        "TVA 3,29 €",
        "Net à payer 19,75 €",
        "18 341,25 s 0,00011 20 % 2,02",
        "381,402777778 Gio·h 0,008 20 % 3,05",
        "FR76 3000 6000 0112 3456 7890 189",
        "Pas d'escompte pour paiement anticipé.",
        "Page 1 sur 1",
    ):
        assert said in words, said


@reads_text
def test_the_german_page_names_the_reverse_charge() -> None:
    words = words_of(rendered("reverse-charge").pdf)
    assert "Zu zahlen 16,46 €" in words
    assert "Steuerschuldnerschaft des Leistungsempfängers" in words
    assert "USt-IdNr. DE136695976" in words


@reads_text
def test_a_credit_note_names_its_invoice_and_asks_for_no_payment() -> None:
    words = words_of(rendered("credit-note").pdf)
    assert "Rectifie F-2026-000042, 1 février 2026" in words
    assert "Montant de l'avoir : 2,98 €" in words
    assert "IBAN" not in words


@reads_text
def test_sums_stand_below_each_other_in_english() -> None:
    words = words_of(rendered("two-rates").pdf)
    sums = ["Subtotal without VAT €82.77", "VAT €11.18", "Total €93.95", "Already paid -€10.00"]
    places = [words.index(said) for said in [*sums, "Amount due €83.95"]]
    assert all(before < after for before, after in pairwise(places))


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/logo.png",
        "https://example.org/a.css",
        "file:///etc/passwd",
        "data:text/css,body{}",
        "static:../config/settings.py",
        "static:/etc/passwd",
        "static:css/../../manage.py",
        "static:css/missing.css",
    ],
)
def test_nothing_but_our_own_files_is_read(url: str) -> None:
    with pytest.raises(NotOurs):
        OwnFiles().fetch(url)
    with pytest.raises(NotOurs):
        pdf_of(f'<link rel="stylesheet" href="{url}"><p>Paid</p>')


def test_our_own_files_are_read_with_their_type() -> None:
    found = OwnFiles().fetch("static:css/document.css")
    assert found.content_type == "text/css"
    assert b"@page" in found.read()


def test_a_style_sheet_cannot_read_further_either() -> None:
    with pytest.raises(NotOurs):
        pdf_of('<div style="background: url(file:///etc/hostname)">x</div>')
