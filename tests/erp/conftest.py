"""erp's tests sell one product, and announce to nobody."""

import pytest
from django.conf import LazySettings
from django.utils.module_loading import import_string

from tests.billing.builders import FakeUsage
from tests.erp.builders import FakePlaces, FakeProducts, Tree, a_tree


@pytest.fixture(autouse=True)
def _products(monkeypatch: pytest.MonkeyPatch, settings: LazySettings, measured: FakeUsage) -> None:
    sources = {
        settings.PRODUCT_SOURCE: FakeProducts(),
        settings.PLACEMENT_SOURCE: FakePlaces(),
        settings.USAGE_SOURCE: measured,
        **{path: import_string(path)() for path in settings.SUBJECT_SOURCES},
    }
    monkeypatch.setattr("erp.ports._implementation", sources.__getitem__)
    settings.NUDGES = "tests.billing.conftest.silence"


@pytest.fixture
def measured() -> FakeUsage:
    """Return where usage is read from: nothing was used, unless a test says so."""
    return FakeUsage()


@pytest.fixture
def tree(db: None) -> Tree:
    return a_tree()
