"""Charge models: exact amounts by hand, and laws that hold for every price and quantity."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from erp.catalogue.terms import (
    MOST_TIERS,
    ONE,
    Aggregation,
    BadTerms,
    Model,
    Piece,
    Terms,
    Tier,
    included_in,
    pieces,
    read,
    read_whole,
    whole,
    written,
)
from erp.catalogue.words import price_in_words

D = Decimal
TIERS = (Tier(D(10), D("1"), D("5")), Tier(D(100), D("0.5")), Tier(None, D("0.1"), D("7")))


def priced(terms: Terms, used: str, scale: str = "1") -> list[tuple[str, str, str]]:
    """Return part, quantity and unit price of each line."""
    found = pieces(
        terms, D(used), included=included_in(terms, D(scale)), scale=D(scale), currency="EUR"
    )
    return [
        (one.part, f"{one.quantity.normalize():f}", f"{one.unit_price.normalize():f}")
        for one in found
    ]


def minor(terms: Terms, used: Decimal, scale: Decimal = ONE) -> int:
    found = pieces(terms, used, included=included_in(terms, scale), scale=scale, currency="EUR")
    return sum(one.minor("EUR") for one in found)


def test_per_unit_is_what_is_beyond_the_included() -> None:
    terms = Terms(D("0.02"), D(100))
    assert priced(terms, "150") == [("", "50", "0.02")]
    assert priced(terms, "100") == [("", "0", "0.02")]
    assert priced(terms, "99") == [("", "0", "0.02")]
    assert priced(terms, "150", "0.5") == [("", "100", "0.02")]


def test_in_graduated_tiers_each_part_has_its_own_price() -> None:
    terms = Terms(D(0), model=Model.GRADUATED, tiers=TIERS)
    assert priced(terms, "0") == [("", "0", "1")]
    assert priced(terms, "10") == [("", "10", "1"), ("tier 1 flat", "1", "5")]
    assert priced(terms, "10.5") == [
        ("", "10", "1"), ("tier 1 flat", "1", "5"), ("tier 2", "0.5", "0.5"),
    ]  # fmt: skip
    assert priced(terms, "120") == [
        ("", "10", "1"), ("tier 1 flat", "1", "5"), ("tier 2", "90", "0.5"),
        ("tier 3", "20", "0.1"), ("tier 3 flat", "1", "7"),
    ]  # fmt: skip


def test_half_a_month_has_half_of_the_tiers_and_of_their_flat_prices() -> None:
    terms = Terms(D(0), model=Model.GRADUATED, tiers=TIERS)
    assert priced(terms, "60", "0.5") == [
        ("", "5", "1"), ("tier 1 flat", "0.5", "5"), ("tier 2", "45", "0.5"),
        ("tier 3", "10", "0.1"), ("tier 3 flat", "0.5", "7"),
    ]  # fmt: skip


def test_by_volume_all_has_the_price_of_the_tier_that_is_reached() -> None:
    terms = Terms(D(0), model=Model.VOLUME, tiers=TIERS)
    assert priced(terms, "0") == [("", "0", "1")]
    assert priced(terms, "10") == [("", "10", "1"), ("flat", "1", "5")]
    assert priced(terms, "10.000000001") == [("", "10.000000001", "0.5")]
    assert priced(terms, "100") == [("", "100", "0.5")]
    assert priced(terms, "200") == [("", "200", "0.1"), ("flat", "1", "7")]
    assert priced(terms, "60", "0.5") == [("", "60", "0.1"), ("flat", "0.5", "7")]
    assert priced(terms, "50", "0.5") == [("", "50", "0.5")]


def test_a_package_that_is_begun_is_a_whole_one() -> None:
    terms = Terms(D(3), D(5), model=Model.PACKAGE, package=D(10))
    assert priced(terms, "5") == [("", "0", "3")]
    assert priced(terms, "5.000000001") == [("", "1", "3")]
    assert priced(terms, "15") == [("", "1", "3")]
    assert priced(terms, "15.1") == [("", "2", "3")]
    assert priced(Terms(D(3), model=Model.PACKAGE), "2.5") == [("", "3", "3")]


def test_a_percentage_is_of_the_meter() -> None:
    assert priced(Terms(D("2.5"), D(100), model=Model.PERCENTAGE), "300") == [("", "200", "0.025")]


def test_a_flat_price_is_of_the_months_in_which_anything_is_used() -> None:
    terms = Terms(D(9), D(1), model=Model.FLAT)
    assert priced(terms, "0.5", "0.5") == [("", "0", "9")]
    assert priced(terms, "1", "0.25") == [("", "0.25", "9")]
    assert priced(terms, "7") == [("", "1", "9")]


def test_a_commitment_is_made_up_for_and_a_cap_taken_off() -> None:
    terms = Terms(D("0.1"), minimum=D(5), maximum=D(20))
    assert priced(terms, "49.9") == [("", "49.9", "0.1"), ("minimum", "1", "0.01")]
    assert priced(terms, "50") == [("", "50", "0.1")]
    assert priced(terms, "200") == [("", "200", "0.1")]
    assert priced(terms, "200.1") == [("", "200.1", "0.1"), ("maximum", "-1", "0.01")]
    assert priced(terms, "0", "0.5") == [("", "0", "0.1"), ("minimum", "1", "2.5")]
    assert priced(terms, "200", "0.5") == [("", "200", "0.1"), ("maximum", "-1", "10")]


def test_a_cap_of_nothing_makes_it_free() -> None:
    assert minor(Terms(D("0.1"), maximum=D(0)), D(50)) == 0


def test_a_currency_without_cents_is_made_up_in_whole_units() -> None:
    found = pieces(
        Terms(D("0.3"), minimum=D(500)), D(10), included=D(0), scale=D(1), currency="JPY"
    )
    assert found == [Piece("", D(10), D("0.3")), Piece("minimum", D(1), D(497))]


numbers = st.decimals(0, 10**6, places=4)
prices = st.decimals(0, 100, places=9)


@st.composite
def all_terms(draw: st.DrawFn) -> Terms:
    model = draw(st.sampled_from(Model))
    is_tiered = model in (Model.GRADUATED, Model.VOLUME)
    bounds = sorted(draw(st.sets(st.decimals(1, 10**6, places=4), max_size=5)))
    ends = [*bounds, None]
    lowest = draw(st.decimals(0, 1000, places=2))
    most = draw(st.none() | st.decimals(0, 1000, places=2))
    places = 7 if model == Model.PERCENTAGE else 9
    return Terms(
        unit_price=D(0) if is_tiered else draw(st.decimals(0, 100, places=places)),
        included=draw(st.decimals(0, 1000, places=6)),
        model=model,
        aggregation=draw(st.sampled_from(Aggregation)),
        tiers=tuple(Tier(end, draw(prices), draw(prices)) for end in ends) if is_tiered else (),
        package=draw(st.decimals("0.1", 10, places=3)) if model == Model.PACKAGE else D(1),
        minimum=lowest,
        maximum=None if most is None else lowest + most,
    )


@given(all_terms())
def test_terms_are_read_as_they_were_written(terms: Terms) -> None:
    kept = written(terms)
    assert read(kept, unit_price=terms.unit_price, included=terms.included) == terms
    assert read_whole(whole(terms)) == terms


@given(all_terms(), numbers, st.decimals(0, 3, places=9))
def test_a_charge_is_between_its_commitment_and_its_cap(
    terms: Terms, used: Decimal, scale: Decimal
) -> None:
    total = minor(terms, used, scale)
    cap = None if terms.maximum is None else minor(Terms(terms.maximum), scale)
    assert total >= minor(Terms(terms.minimum), scale)
    assert cap is None or total <= cap


@given(all_terms(), numbers, st.decimals(0, 3, places=9))
def test_the_first_line_is_always_there_and_no_part_comes_twice(
    terms: Terms, used: Decimal, scale: Decimal
) -> None:
    found = pieces(terms, used, included=included_in(terms, scale), scale=scale, currency="EUR")
    parts = [one.part for one in found]
    assert parts[0] == ""
    assert len(set(parts)) == len(parts)
    assert all(one.unit_price >= 0 for one in found)
    assert all(one.quantity >= 0 for one in found if one.part != "maximum")


@given(all_terms(), numbers, numbers)
def test_who_uses_more_never_pays_less_but_by_volume(
    terms: Terms, used: Decimal, more: Decimal
) -> None:
    if terms.model != Model.VOLUME:
        # Each tier is a line that is rounded once: half a cent a line at most.
        assert minor(terms, used + more) >= minor(terms, used) - len(terms.tiers)


@given(st.lists(st.decimals(1, 10**4, places=2), max_size=4, unique=True), prices, numbers)
def test_graduated_tiers_of_one_price_cost_what_a_unit_price_costs(
    bounds: list[Decimal], price: Decimal, used: Decimal
) -> None:
    tiers = tuple(Tier(end, price) for end in [*sorted(bounds), None])
    graduated = pieces(
        Terms(D(0), model=Model.GRADUATED, tiers=tiers), used,
        included=D(0), scale=D(1), currency="EUR",
    )  # fmt: skip
    assert sum(one.quantity for one in graduated) == used
    volume = Terms(D(0), model=Model.VOLUME, tiers=tiers)
    assert minor(volume, used) == minor(Terms(price), used)


@pytest.mark.parametrize(
    ("kept", "unit_price", "says"),
    [
        ({"colour": "red"}, 1, "“colour” is no term of a price: aggregation, maximum, minimum"),
        ({"model": "odd"}, 1, "“odd” is none of: per_unit, graduated, volume, package"),
        ({"aggregation": "median"}, 1, "“median” is none of: sum, max, last, average"),
        ({"model": "graduated"}, 0, "have tiers"),
        ({"tiers": [[None, "1"]]}, 0, "have tiers"),
        ({"model": "volume", "tiers": [[None, "1"]]}, 1, "leave the unit price 0"),
        ({"model": "volume", "tiers": [["1", "1"]]}, 0, "The last tier has no end"),
        ({"model": "volume", "tiers": [[None, "1"], [None, "1"]]}, 0, "Only the last tier"),
        ({"model": "volume", "tiers": [["2", "1"], ["2", "1"], [None, "1"]]}, 0, "ends above"),
        ({"model": "volume", "tiers": [["0", "1"], [None, "1"]]}, 0, "ends above"),
        ({"model": "volume", "tiers": ["12"]}, 0, "A tier is: up to which quantity"),
        ({"model": "volume", "tiers": [12]}, 0, "A tier is: up to which quantity"),
        ({"model": "volume", "tiers": [["1"]]}, 0, "A tier is: up to which quantity"),
        ({"model": "volume", "tiers": [["1", "1", "1", "1"]]}, 0, "A tier is: up to which"),
        ({"package": "2"}, 1, "Packages, and only those"),
        ({"model": "package", "package": "0"}, 1, "Packages, and only those"),
        ({"minimum": "two"}, 1, "minimum: “two” is not a number."),
        ({"minimum": "NaN"}, 1, "minimum: NaN is not between 0 and"),
        ({"minimum": "-0.1"}, 1, "minimum: -0.1 is not between 0 and"),
        ({"minimum": "100000000000"}, 1, "is not between 0 and"),
        ({"maximum": "0.0000000001"}, 1, "at most 9 decimals"),
        ({"minimum": "2", "maximum": "1"}, 1, "The maximum is below the minimum."),
        ({"model": "percentage"}, "0.00000001", "at most 7 decimals"),
    ],
)
def test_terms_that_contradict_themselves_are_refused_in_words(
    kept: dict[str, Any], unit_price: object, says: str
) -> None:
    with pytest.raises(BadTerms) as refusal:
        read(kept, unit_price=D(str(unit_price)), included=D(0))
    assert says in str(refusal.value)


def test_what_is_just_possible_is_taken() -> None:
    tiers = [[str(number), "1"] for number in range(1, MOST_TIERS)]
    many = {"model": "volume", "tiers": [*tiers, [None, "1"]]}
    assert len(read(many, unit_price=D(0), included=D(0)).tiers) == MOST_TIERS
    many["tiers"] = [["0.5", "1"], *tiers, [None, "1"]]
    with pytest.raises(BadTerms, match=f"At most {MOST_TIERS} tiers"):
        read(many, unit_price=D(0), included=D(0))
    same = read({"minimum": "2", "maximum": "2"}, unit_price=D(1), included=D(0))
    assert (same.minimum, same.maximum) == (D(2), D(2))
    assert read({"minimum": "99999999999"}, unit_price=D(1), included=D(0)).minimum == 99999999999
    assert read({"model": "percentage"}, unit_price=D("0.0000001"), included=D(0)).unit_price
    with_flat = read(
        {"model": "volume", "tiers": [["1", "2", "3"], [None, "4"]]},
        unit_price=D(0), included=D(0),
    )  # fmt: skip
    assert with_flat.tiers == (Tier(D(1), D(2), D(3)), Tier(None, D(4), D(0)))


def test_a_price_is_told_in_words() -> None:
    def said(terms: Terms, unit: str = "GiB") -> str:
        return price_in_words(terms, unit=unit, currency="EUR")

    assert said(Terms(D("0.10"))) == "0.1 EUR per GiB"
    assert said(Terms(D(0)), "") == "free"
    assert said(Terms(D("0.10"), D(10))) == "first 10 GiB free, then 0.1 EUR per GiB"
    free_first = (Tier(D(10), D(0)), Tier(None, D("0.10")))
    assert said(Terms(D(0), model=Model.GRADUATED, tiers=free_first)) == (
        "first 10 GiB free, then 0.1 EUR per GiB"
    )
    assert said(Terms(D(0), D(2), Model.GRADUATED, tiers=TIERS)) == (
        "first 2 GiB free; beyond that: first 10 GiB 1 EUR per GiB and 5 EUR once, "
        "then up to 100 GiB 0.5 EUR per GiB, then 0.1 EUR per GiB and 7 EUR once"
    )
    assert said(Terms(D(0), model=Model.VOLUME, tiers=TIERS)) == (
        "all of it at one price: up to 10 GiB 1 EUR per GiB and 5 EUR once, "
        "up to 100 GiB 0.5 EUR per GiB, beyond 0.1 EUR per GiB and 7 EUR once"
    )
    assert said(Terms(D("2.50"), model=Model.PERCENTAGE), "EUR") == "2.5 % of it"
    assert said(Terms(D(4), model=Model.FLAT)) == "4 EUR in a month in which it is used"
    terms = Terms(
        D(1), D("5.50"), Model.PACKAGE, Aggregation.MAX, package=D(10), minimum=D(2), maximum=D(9)
    )
    assert said(terms) == (
        "first 5.5 GiB free; beyond that: 1 EUR per package of 10 GiB; of the highest sample; "
        "at least 2 EUR a month; at most 9 EUR a month"
    )
