"""Access is tried with one product on sale, fake usage, and nobody listening to events."""

import pytest
from django.conf import LazySettings
from django.utils.module_loading import import_string

from tests.billing.builders import FakeUsage
from tests.erp.builders import FakePlaces, FakeProducts


@pytest.fixture(autouse=True)
def _ports(monkeypatch: pytest.MonkeyPatch, settings: LazySettings) -> None:
    fakes = {
        settings.PRODUCT_SOURCE: FakeProducts(),
        settings.USAGE_SOURCE: FakeUsage(),
        settings.PLACEMENT_SOURCE: FakePlaces(),
        settings.COST_SOURCE: import_string(settings.COST_SOURCE)(),
        **{path: import_string(path)() for path in settings.SUBJECT_SOURCES},
    }
    monkeypatch.setattr("erp.ports._implementation", lambda path: fakes[path])
    settings.NUDGES = "tests.billing.conftest.silence"
