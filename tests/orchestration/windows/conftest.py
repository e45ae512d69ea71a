"""What the status page remembered for a moment is forgotten between tests."""

import pytest
from django.core.cache import cache


@pytest.fixture(autouse=True)
def _forget() -> None:
    cache.clear()
