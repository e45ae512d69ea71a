"""Documents by the real path, against WeasyPrint alone on the same page."""

from collections.abc import Iterator

from weasyprint import HTML

from billing.documents.page import html_of
from billing.documents.pdf import SCHEME, OwnFiles
from billing.documents.rendering import render
from tests.bench.timing import Result, compare
from tests.billing.documents.samples import domestic


def run() -> Iterator[Result]:
    """Compare XML, validation, PDF/A-3 and attachment with a bare PDF of the same HTML."""
    snapshot = domestic()
    page = html_of(snapshot)
    yield compare(
        "one document: XML, verdict, PDF/A-3 with both",
        lambda: render(snapshot),
        lambda: HTML(string=page, base_url=SCHEME, url_fetcher=OwnFiles()).write_pdf(),
        peer_name="bare WeasyPrint, the same HTML",
        aim="≥ 0.77 × (1.3 × its time)",
    )
