"""References that people read aloud: a letter for the kind and eight signs, not guessable."""

import secrets

# Crockford's base 32: no I, L, O, U.
_SIGNS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def reference(kind: str) -> str:
    """Return a new reference such as `C-7K2M9QXA`; 40 random bits, unique by constraint."""
    drawn = secrets.randbits(40)
    return f"{kind}-{''.join(_SIGNS[drawn >> shift & 31] for shift in range(0, 40, 5))}"
