"""The chart of accounts: numbers as in the French general chart, named in words. Pure."""

REVENUE = "706"
BANK = "512"
_RECEIVABLE = "411"
_VAT = "44571"

_NAMES = {REVENUE: "Services sold", BANK: "Bank"}


def receivable(party: str) -> str:
    """Return the auxiliary account of one customer, by its reference."""
    return f"{_RECEIVABLE}.{party}"


def vat_collected(country: str, rate: str) -> str:
    """Return the account of the tax collected for one country at one rate."""
    return f"{_VAT}.{country}.{rate}"


def name_of(code: str) -> str:
    """Return what the account is called."""
    if code.startswith(f"{_RECEIVABLE}."):
        return f"Customer {code.partition('.')[2]}"
    if code.startswith(f"{_VAT}."):
        _, country, rate = code.split(".", 2)
        return f"VAT collected, {country} {rate} %"
    return _NAMES[code]
