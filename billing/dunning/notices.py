"""The mails of the policy: one per step, which says what is open and what comes next."""

from datetime import date, datetime
from typing import Any

from billing.dunning.models import DunningAct
from billing.invoicing.models import Invoice
from billing.payments import queries
from erp.base.money import Amount
from erp.outbox.letters import address
from erp.outbox.services import Letter, post
from erp.outbox.states import Topic


def step_taken(act: DunningAct, *, next_action: str, next_on: date | None, at: datetime) -> None:
    """Tell the customer once what is open, what this step did, and what follows when."""
    invoice = act.invoice
    fee = Amount(act.fee_minor, invoice.currency) if act.fee_minor else None
    open_fees = queries.open_fees([invoice.pk]).get(invoice.pk, 0)
    in_all = Amount(invoice.open_minor + open_fees, invoice.currency)
    more = {
        "next_action": next_action,
        "next_on": next_on,
        "fee": str(fee) if fee else "",
        "in_all": str(in_all) if open_fees else "",
    }
    _post(invoice, f"dunning_{act.action}", f"{act.position}", more, at=at)


def lifted(act: DunningAct, *, at: datetime) -> None:
    """Tell the customer once that the service runs again."""
    _post(act.invoice, "dunning_lifted", f"{act.position}:lifted", {}, at=at)


def _post(
    invoice: Invoice, template: str, name: str, more: dict[str, Any], *, at: datetime
) -> None:
    facts = {
        "number": invoice.number,
        "issuer": invoice.issuer.name,
        "service": invoice.contract.name,
        "open": str(Amount(invoice.open_minor, invoice.currency)),
        "due_on": invoice.due_on,
        "days": invoice.contract.retention_days,
        "link": address(f"/invoices/{invoice.reference}"),
    }
    letter = Letter(
        key=f"dunning:{invoice.reference}:{name}",
        topic=Topic.INVOICES,
        template=template,
        facts=facts | more,
        about=invoice,
        thread=invoice.reference,
        attachments=[f"{invoice.document.reference}.pdf"] if invoice.document else [],
    )
    post(invoice.organisation, letter, at=at)
