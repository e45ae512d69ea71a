"""The mails about direct debits: what will be debited when, and what came back."""

from datetime import datetime
from typing import Any

from billing.sepa.models import Creditor, Debit
from billing.sepa.reasons import in_words
from erp.base.money import Amount
from erp.outbox.letters import address
from erp.outbox.services import Letter, post
from erp.outbox.states import Topic


def announced(debit: Debit, creditor: Creditor, *, at: datetime) -> None:
    """Tell the customer once what is debited, on which day, by which mandate."""
    facts = {
        "on": debit.run.on,
        "umr": debit.mandate.umr,
        "creditor": creditor.identifier,
        "account_end": debit.mandate.account_end,
    }
    _post(debit, "debit_announced", facts, at=at)


def returned(debit: Debit, fee: str, *, at: datetime) -> None:
    """Tell the customer once that the debit came back, why, and what is to be done."""
    facts = {"why": in_words(debit.code), "fee": fee, "is_dead": debit.mandate.state != "active"}
    _post(debit, "debit_returned", facts, at=at)


def _post(debit: Debit, template: str, more: dict[str, Any], *, at: datetime) -> None:
    invoice = debit.invoice
    facts = {
        "number": invoice.number,
        "issuer": invoice.issuer.name,
        "amount": str(Amount(debit.minor, invoice.currency)),
        "link": address(f"/invoices/{invoice.reference}"),
    }
    letter = Letter(
        key=f"{template}:{debit.reference}",
        topic=Topic.INVOICES,
        template=template,
        facts=facts | more,
        about=invoice,
        thread=invoice.reference,
    )
    post(debit.organisation, letter, at=at)
