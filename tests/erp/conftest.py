"""erp's tests sell one product, and announce to nobody."""

import pytest
from django.conf import LazySettings

from tests.erp.builders import FakeProducts, Tree, a_tree


@pytest.fixture(autouse=True)
def _products(monkeypatch: pytest.MonkeyPatch, settings: LazySettings) -> None:
    monkeypatch.setattr("erp.ports._implementation", lambda path: FakeProducts())
    settings.NUDGES = "tests.billing.conftest.silence"


@pytest.fixture
def tree(db: None) -> Tree:
    return a_tree()
