"""The wholesale side of a run: what the provider bills a reseller for the same period.

A run of a reseller drafts it with its own cut-off, so that both invoices rest on the same samples.
A run of the provider finds the draft, or makes it for a reseller that never billed.
"""

import logging
from datetime import datetime

from django.db import transaction

from billing.invoicing import drafting
from billing.invoicing.models import Invoice
from billing.invoicing.states import State
from billing.rating import services as rating
from billing.rating.queries import window_of
from billing.runs.models import BillingRun
from erp.base.errors import DomainError
from erp.base.journal import record
from erp.contracts.models import Contract
from erp.contracts.wholesale import contracts_of
from erp.customers.states import Kind

log = logging.getLogger(__name__)


def prepare(run: BillingRun, *, at: datetime) -> list[Contract]:
    """Return the wholesale contracts of the run, made where one is missing."""
    with transaction.atomic():
        return contracts_of(run.organisation, at=max(at, run.ends_at))


def pass_on(run: BillingRun, contracts: list[Contract], *, at: datetime, by: str) -> None:
    """Draft the wholesale invoices of a reseller's run; what hinders one is in its journal.

    Doing it again changes nothing: a draft that is open stays, a period that is billed is over.
    """
    if run.organisation.kind != Kind.RESELLER:
        return
    for contract in contracts:
        try:
            with transaction.atomic():
                draft(contract, run, at=at, by=by)
        except DomainError as error:
            record(contract, "not_drafted", at=at, by=by, why=str(error), run=run.reference)
        except Exception as error:
            log.exception("wholesale contract %s is not drafted", contract)
            why = f"fault: {type(error).__name__}"
            record(contract, "not_drafted", at=at, by=by, why=why, run=run.reference)


def draft(contract: Contract, run: BillingRun, *, at: datetime, by: str) -> Invoice | None:
    """Draft what a reseller owes up to the end of a run; nothing when there is nothing to bill."""
    Contract.objects.select_for_update(of=("self",)).get(pk=contract.pk)
    known = Invoice.objects.filter(contract=contract, state=State.DRAFT).first()
    window = window_of(contract, run.ends_at)
    if known or window is None:
        return known
    found = rating.rate_all([contract], {contract.pk: window}, cut_off=run.cut_off_at, at=at)[
        contract.pk
    ]
    if isinstance(found, Exception):
        raise found
    if not found.lines:
        return None
    made = drafting.draft_all({contract.pk: found}, at=at)[contract.pk]
    if isinstance(made, DomainError):
        raise made
    rating.keep([found])
    drafting.keep([made], at=at, by=by)
    return made.invoice
