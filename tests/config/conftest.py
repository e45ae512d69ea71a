"""What tests of the whole share: usage from a fake source where they ask for it."""

from tests.billing.conftest import usage

__all__ = ["usage"]
