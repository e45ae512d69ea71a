"""A snapshot says everything exactly, and none that contradicts itself can be made."""

import json
from dataclasses import replace
from decimal import Decimal

import pytest

from billing.documents.frozen_json import Malformed, UnknownVersion
from billing.documents.rules import Inconsistent
from billing.documents.snapshot import Snapshot, from_json
from tests.billing.documents.samples import GOLDEN, SELLER, a_document, a_line, domestic


@pytest.mark.parametrize("name", GOLDEN)
def test_a_snapshot_survives_json(name: str) -> None:
    snapshot = GOLDEN[name]()
    assert from_json(json.loads(json.dumps(snapshot.to_json()))) == snapshot


def wrong(**changed: object) -> Snapshot:
    return replace(domestic(), **changed)  # type: ignore[arg-type]


def test_totals_that_do_not_add_up_are_refused_by_name() -> None:
    sums = domestic().totals
    for changed, rule in (
        (replace(sums, net_minor=sums.net_minor + 1), "BR-CO-10"),
        (replace(sums, tax_minor=sums.tax_minor - 1), "BR-CO-14"),
        (replace(sums, total_minor=1), "BR-CO-15"),
        (replace(sums, due_minor=1), "BR-CO-16"),
    ):
        with pytest.raises(Inconsistent, match=rule):
            wrong(totals=changed)


def test_tax_that_is_not_the_rate_of_its_basis_is_refused() -> None:
    (tax,) = domestic().taxes
    with pytest.raises(Inconsistent, match=r"BR-CO-17.*is 330, not 329"):
        wrong(taxes=(replace(tax, tax_minor=330),))


def test_a_line_that_is_not_price_times_quantity_is_refused() -> None:
    first, *others = domestic().lines
    with pytest.raises(Inconsistent, match=r"Line 1: 2 × 9.90 is not 990 minor"):
        wrong(lines=(replace(first, quantity=Decimal(2)), *others))


def test_a_credit_note_names_what_it_corrects() -> None:
    with pytest.raises(Inconsistent, match="BG-3"):
        replace(GOLDEN["credit-note"](), preceding_number="")


def test_a_character_that_xml_cannot_carry_is_refused() -> None:
    with pytest.raises(Inconsistent, match="no document can carry"):
        a_document([a_line(1, "Bell \x07 in a name", "1", "9.90")])


def test_another_version_and_a_strange_field_are_refused() -> None:
    frozen = domestic().to_json()
    with pytest.raises(UnknownVersion, match="Version 2"):
        from_json({**frozen, "version": 2})
    with pytest.raises(Malformed, match="colour"):
        from_json({**frozen, "colour": "red"})
    with pytest.raises(Malformed):
        from_json({**frozen, "number": 42})


def test_a_seller_whom_the_norm_refuses_is_refused_before_the_number_is_taken() -> None:
    with pytest.raises(Inconsistent, match=r"BR-S-02: Nuage & Fils SAS has no VAT number"):
        wrong(seller=replace(SELLER, vat_number=""))
