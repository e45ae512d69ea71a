"""Prices multiply, amounts add, and rounding happens once."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from erp.base.money import Amount, CurrencyMismatch, charge, exponent, round_minor, tax

minors = st.integers(-(10**12), 10**12)
prices = st.decimals("0", "100000", places=9)
currencies = st.sampled_from(["EUR", "JPY", "KWD"])


@given(minors, minors, currencies)
def test_adding_and_taking_away_is_exact(first: int, second: int, currency: str) -> None:
    one, other = Amount(first, currency), Amount(second, currency)

    assert one + other - other == one
    assert one + -one == Amount(0, currency)


@given(prices, st.decimals("0", "10000", places=3), currencies)
def test_a_charge_is_within_half_a_minor_unit(
    price: Decimal, quantity: Decimal, currency: str
) -> None:
    exact = price * quantity

    difference = abs(
        charge(unit_price=price, quantity=quantity, currency=currency).decimal() - exact
    )

    assert difference <= Decimal("0.5").scaleb(-exponent(currency))


@given(prices, st.integers(1, 1000))
def test_more_never_costs_less(price: Decimal, count: int) -> None:
    less = charge(unit_price=price, quantity=Decimal(count), currency="EUR")
    more = charge(unit_price=price, quantity=Decimal(count + 1), currency="EUR")

    assert more.minor >= less.minor


@given(minors, st.sampled_from([Decimal(0), Decimal("5.5"), Decimal(20)]))
def test_tax_of_a_credit_is_the_tax_taken_back(net: int, rate: Decimal) -> None:
    assert tax(-net, rate) == -tax(net, rate)


@pytest.mark.parametrize(
    ("exact", "rounded"), [("0.5", 1), ("-0.5", -1), ("2.5", 3), ("2.4999", 2), ("-2.5", -3)]
)
def test_halves_go_away_from_zero(exact: str, rounded: int) -> None:
    assert round_minor(Decimal(exact)) == rounded


def test_currencies_do_not_mix() -> None:
    with pytest.raises(CurrencyMismatch):
        Amount(1, "EUR") + Amount(1, "CHF")


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        (Amount(1234, "EUR"), "12.34 EUR"),
        (Amount(1234, "JPY"), "1234 JPY"),
        (Amount(1234, "KWD"), "1.234 KWD"),
    ],
)
def test_an_amount_is_written_with_its_currencys_decimals(amount: Amount, words: str) -> None:
    assert str(amount) == words
