"""Billing's tests read usage from a fake source."""

import pytest
from django.conf import LazySettings

from tests.billing.builders import FakeUsage


@pytest.fixture
def usage(monkeypatch: pytest.MonkeyPatch, settings: LazySettings) -> FakeUsage:
    source = FakeUsage()
    monkeypatch.setattr("erp.ports._implementation", lambda path: source)
    settings.NUDGES = "tests.billing.conftest.silence"
    return source


def silence(event: str, **keys: int | str) -> None:
    """Announce to nobody: tests call tasks themselves."""
