"""Prepaid credit that pays invoices in the moment of their issue: invoicing asks who keeps it.

`settings.PREPAID_SOURCE` names who answers: payments stand after invoicing.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, Protocol, cast

from django.conf import settings
from django.utils.module_loading import import_string

from billing.invoicing.models import Invoice


class PrepaidSource(Protocol):
    """Answers for the prepaid credit of payers."""

    def held(self, invoices: Sequence[Invoice], *, at: datetime) -> Mapping[int, Mapping[int, int]]:
        """Return which credit pays how much of each invoice, by its key, and hold that credit.

        The caller holds the invoices, all of one issuer, in a transaction. What is the first to
        expire is the first to pay; what has expired pays nothing.
        """
        ...

    def pay(
        self,
        invoice: Invoice,
        shares: Mapping[int, int],
        *,
        at: datetime,
        by: str,
    ) -> None:
        """Pay an issued invoice with the credit that was held for it."""
        ...


@cache
def _implementation(path: str) -> Any:
    return import_string(path)()


def prepaid_source() -> PrepaidSource:
    """Return who keeps prepaid credit."""
    return cast(PrepaidSource, _implementation(settings.PREPAID_SOURCE))
