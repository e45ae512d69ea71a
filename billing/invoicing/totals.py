"""Totals of an invoice: tax per rate on the net total, rounded once per rate. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from billing.invoicing.tax import Decision
from erp.base.money import tax


@dataclass(frozen=True, slots=True)
class Totals:
    """Net, tax and total in minor units, with the breakdown per category and rate."""

    net_minor: int
    tax_minor: int
    taxes: list[dict[str, Any]]

    @property
    def total_minor(self) -> int:
        """Return what is to be paid."""
        return self.net_minor + self.tax_minor


def totals(amounts: Iterable[int], decision: Decision) -> Totals:
    """Add up lines that all bear the same tax (EN 16931 BR-CO-10 to BR-CO-17)."""
    net = sum(amounts)
    due = tax(net, decision.rate)
    breakdown = {
        "category": decision.category,
        "rate": f"{decision.rate:.2f}",
        "net_minor": net,
        "tax_minor": due,
        "rule": decision.rule,
        "exemption_code": decision.exemption_code,
        "exemption_reason": decision.exemption_reason,
    }
    return Totals(net, due, [breakdown])
