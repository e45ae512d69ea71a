"""The name of a line in the language of its document.

Rating writes English, which the pages show. A line is named anew only where the English name is
exactly what its facts give: whatever else rating called it stays as it is, in English.
"""

from datetime import UTC

from billing.documents import line_texts
from billing.documents.formats import Formats
from billing.invoicing.models import InvoiceLine
from billing.rating import resold
from billing.rating.models import RatedLine
from erp.catalogue.models import PriceKind

_ENGLISH = "en"


def name_of(one: InvoiceLine, formats: Formats) -> str:
    """Return what a line is called in a language."""
    written = one.description
    if formats.language == _ENGLISH:
        return written
    english = _named(one, Formats(_ENGLISH, formats.currency, formats.exponent))
    if written == english:
        return _named(one, formats)
    rest = written.removeprefix(f"{english}, ")
    if rest == written:
        return written
    return f"{_named(one, formats)}, {line_texts.part(formats.language, rest)}"


def charge_of(one: InvoiceLine, formats: Formats, contract: str) -> str:
    """Return what a line is printed as together with its like of a whole contract."""
    return _named(one, formats, name=contract)


def _named(one: InvoiceLine, formats: Formats, *, name: str = "") -> str:
    rated, language = one.rated_line, formats.language
    name = name or _service_of(rated)
    if rated.kind == PriceKind.RECURRING:
        return line_texts.base_price(
            formats, name=name, month=rated.starts_at.astimezone(UTC).date()
        )
    if rated.kind == PriceKind.SETUP:
        return line_texts.setup(language, name=name)
    if one.corrects_number:
        number = one.corrects_number
        return line_texts.late(language, name=name, meter=rated.meter, number=number)
    return line_texts.usage(language, name=name, meter=rated.meter)


def _service_of(rated: RatedLine) -> str:
    """Return what the service is called: on a wholesale bill with the customer's contract."""
    line = rated.line
    is_resold = rated.organisation_id != line.organisation_id
    return resold.name_of(line.contract, line) if is_resold else line.name
