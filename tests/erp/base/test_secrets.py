"""A sealed secret opens at its own place alone."""

import pytest

from erp.base.secrets import SecretUnreadable, reveal, seal

PLACE = "node:N-1:key"


def test_a_secret_comes_back_and_does_not_show() -> None:
    sealed = seal("hunter2", where=PLACE)

    assert reveal(sealed, where=PLACE) == "hunter2"
    assert "hunter2" not in sealed
    assert seal("hunter2", where=PLACE) != sealed


def test_another_place_is_refused() -> None:
    sealed = seal("hunter2", where=PLACE)

    with pytest.raises(SecretUnreadable):
        reveal(sealed, where="node:N-2:key")


def test_a_changed_letter_is_refused() -> None:
    sealed = seal("hunter2", where=PLACE)
    changed = sealed[:-6] + ("A" if sealed[-6] != "A" else "B") + sealed[-5:]

    with pytest.raises(SecretUnreadable):
        reveal(changed, where=PLACE)
