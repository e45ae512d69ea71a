"""The XML of a document is the golden one, and the real rules find nothing in it.

`python -m tests.billing.documents.test_xml` writes the golden files anew: read the difference.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from billing.documents import xml
from billing.documents.findings import Severity
from billing.documents.validator import Validator
from tests.billing.documents.samples import GOLDEN, dinar, yen

FOLDER = Path(__file__).parent / "golden"


@pytest.fixture(scope="module")
def validator() -> Iterator[Validator]:
    one = Validator()
    yield one
    one.stop()


@pytest.mark.parametrize("name", GOLDEN)
def test_the_xml_is_the_golden_one(name: str) -> None:
    assert xml.write(GOLDEN[name]()).decode() == (FOLDER / f"{name}.xml").read_text()


@pytest.mark.parametrize("name", GOLDEN)
def test_the_rules_find_nothing_in_it(name: str, validator: Validator) -> None:
    assert validator.findings(xml.write(GOLDEN[name]())) == []


def test_a_currency_without_cents_is_valid(validator: Validator) -> None:
    written = xml.write(yen())
    assert b">2000.00</ram:LineTotalAmount>" in written
    assert validator.findings(written) == []


def test_three_decimals_break_a_rule_of_the_norm(validator: Validator) -> None:
    found = validator.findings(xml.write(dinar()))
    assert ("BR-DEC-23", Severity.FATAL) in {(one.rule, one.severity) for one in found}


def write_golden() -> None:
    """Write every golden file from what the program writes now."""
    for name, make in GOLDEN.items():
        (FOLDER / f"{name}.xml").write_bytes(xml.write(make()))


if __name__ == "__main__":
    write_golden()
