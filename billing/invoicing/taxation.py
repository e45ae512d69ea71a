"""The tax between organisations on a day, with what is known of the buyers' VAT numbers."""

from collections.abc import Collection, Mapping
from datetime import date, datetime
from zoneinfo import ZoneInfo

from billing.invoicing.tax import Decision, Evidence, Party, decide, needs_evidence
from billing.vat import queries as vat
from billing.vat.models import VatCheck
from billing.vat.states import State as Vat
from erp.base.errors import DomainError
from erp.customers.models import Organisation

# A seller and a buyer, by their keys, and what was decided or why nothing can be.
Decisions = Mapping[tuple[int, int], Decision | DomainError]


def tax_of(seller: Organisation, buyer: Organisation, at: datetime) -> Decision:
    """Return the tax between two organisations at a moment, on the seller's day.

    Raises:
        NotConfirmed: it hangs on a VAT number that the register did not answer about.
    """
    decision = taxes_of([(seller, buyer)], at)[seller.pk, buyer.pk]
    if isinstance(decision, DomainError):
        raise decision
    return decision


def taxes_of(pairs: Collection[tuple[Organisation, Organisation]], at: datetime) -> Decisions:
    """Return the tax between sellers and buyers, with one statement for all of them."""
    asked = {(seller.pk, buyer.pk): (seller, buyer) for seller, buyer in pairs}
    unsure = [
        buyer for seller, buyer in asked.values() if needs_evidence(**_parties(seller, buyer))
    ]
    checks = vat.latest_of(unsure, at=at)
    found: dict[tuple[int, int], Decision | DomainError] = {}
    for key, (seller, buyer) in asked.items():
        known = _evidence(checks.get(buyer.pk))
        try:
            found[key] = decide(**_parties(seller, buyer), on=date_of(seller, at), evidence=known)
        except DomainError as refusal:
            found[key] = refusal
    return found


def date_of(issuer: Organisation, at: datetime) -> date:
    """Return the issuer's calendar day."""
    return at.astimezone(ZoneInfo(issuer.time_zone)).date()


def _parties(seller: Organisation, buyer: Organisation) -> dict[str, Party]:
    return {
        "seller": Party(seller.country, seller.vat_number),
        "buyer": Party(buyer.country, buyer.vat_number),
    }


def _evidence(check: VatCheck | None) -> Evidence | None:
    if check is None or check.answered_at is None:
        return None
    on = check.answered_at.date().isoformat()
    if check.state == Vat.CONFIRMED:
        return Evidence(True, f"Confirmed on {on}: {check.state_reason}")
    proof = f", consultation {check.consultation}" if check.consultation else ""
    return Evidence(check.state == Vat.VALID, f"VIES answered on {on}: {check.state}{proof}.")
