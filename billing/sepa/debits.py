"""Direct debits: a file of what is due, told before, settled on its day, undone when it returns."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from hashlib import sha256

from django.db import transaction

from billing.dunning import services as dunning
from billing.invoicing.states import State as Invoiced
from billing.ledger import services as ledger
from billing.payments import credit, fees
from billing.payments.models import FeeKind, Method, PayoutKind
from billing.payments.services import Money, Payment, locked, receive
from billing.sepa import files, notices, queries, services
from billing.sepa.calendar import is_open, next_open
from billing.sepa.models import Creditor, Debit, SepaRun
from billing.sepa.queries import Planned
from billing.sepa.reasons import in_words
from billing.sepa.states import RunKind, RunState, State
from erp.base.errors import DomainError
from erp.base.journal import record
from erp.base.lifecycle import move
from erp.base.money import Amount
from erp.customers.models import Organisation

BY = "sepa"


class NothingToCollect(DomainError):
    """Nothing that is due by this day can be debited."""

    code = "nothing_to_collect"


class BadDay(DomainError):
    """Banks do not debit on this day."""

    code = "bad_day"
    status = 422


@dataclass(frozen=True, slots=True)
class Wish:
    """A file as somebody asks for it; the same key is the same file."""

    key: str
    on: date
    scheme: str


def first_day(creditor: Creditor, today: date) -> date:
    """Return the first day on which a debit may be asked for that is told today."""
    return next_open(today + timedelta(days=creditor.notice_days))


@transaction.atomic
def prepare(seller: Organisation, wish: Wish, *, at: datetime, by: str) -> SepaRun:
    """Make the file that debits what is due by its day, and hold reminders of it until then.

    Files of one seller are made one after the other, so that two at once debit nothing twice.

    Raises:
        NoCreditor, BadDay, NothingToCollect: there is nothing to make.
        InvalidFile: the schema refuses it; nothing is kept.
    """
    ledger.take_turn(seller)
    known = queries.runs(seller).filter(request_key=wish.key).first()
    if known:
        return known
    creditor = queries.creditor_of(seller)
    if creditor is None or not seller.iban:
        raise services.NoCreditor(
            "A seller that debits has a creditor identifier and an IBAN: write both first."
        )
    _check_day(wish.on, first_day(creditor, ledger.day_in(seller, at)))
    rows = queries.planned(seller, wish.scheme, wish.on)
    if not rows:
        raise NothingToCollect(f"Nothing that is due by {wish.on} can be debited.")
    run = _make(seller, creditor, wish, rows, at=at, by=by)
    why = f"It is debited on {wish.on:%d %b %Y} by {run.reference}."
    dunning.hold_for_debit(seller, [one.invoice for one in rows], why, wish.on, at=at, by=by)
    record(run, "prepared", at=at, by=by, debits=run.orders, minor=run.total_minor)
    return run


def _check_day(on: date, first: date) -> None:
    if on < first:
        raise BadDay(f"Customers are told before: the first day is {first:%Y-%m-%d}.")
    if not is_open(on):
        raise BadDay(f"Banks are closed on {on}: the next day is {next_open(on):%Y-%m-%d}.")


def _make(
    seller: Organisation, creditor: Creditor, wish: Wish, rows: Sequence[Planned], *,
    at: datetime, by: str,
) -> SepaRun:  # fmt: skip
    run = SepaRun(
        organisation=seller, request_key=wish.key, kind=RunKind.DEBIT, scheme=wish.scheme,
        on=wish.on, orders=len(rows), total_minor=sum(one.minor for one in rows), made_at=at,
        made_by=by, state=RunState.PREPARED, state_since=at,
    )  # fmt: skip
    made = [
        Debit(
            organisation=one.invoice.organisation, run=run, mandate=one.mandate,
            invoice=one.invoice, sequence=one.sequence, minor=one.minor, state=State.PENDING,
            state_since=at,
        )
        for one in rows
    ]  # fmt: skip
    header = files.Header(
        run.reference, at, seller.name, seller.iban, seller.bic, creditor.identifier, wish.scheme
    )
    written = files.debits(header, [_order(one, wish.on) for one in made])
    run.content, run.sha256 = written.content, sha256(written.content).hexdigest()
    run.save(force_insert=True)
    for one in made:
        one.batch = written.batches[one.reference]
    Debit.objects.bulk_create(made, batch_size=500)
    return run


def _order(debit: Debit, on: date) -> files.Order:
    mandate = debit.mandate
    return files.Order(
        end_to_end=debit.reference,
        minor=debit.minor,
        on=on,
        name=mandate.holder,
        iban=mandate.iban,
        bic=mandate.bic,
        text=debit.invoice.number,
        sequence=debit.sequence,
        umr=mandate.umr,
        signed_on=mandate.signed_on,
    )


@transaction.atomic
def announce(debit: Debit, *, at: datetime) -> None:
    """Tell one customer of a debit before its day; telling it again changes nothing."""
    row = _locked(debit)
    creditor = queries.creditor_of(row.run.organisation)
    if row.announced_at is None and row.state == State.PENDING and creditor is not None:
        notices.announced(row, creditor, at=at)
        Debit.objects.filter(pk=row.pk).update(announced_at=at)


@transaction.atomic
def settle(debit: Debit, *, at: datetime) -> None:
    """Record that a debit was carried out on its day: the invoice is paid by it.

    What was paid otherwise in the meantime makes it credit of the payer. Twice is once.
    """
    _lock_invoice(debit)
    row = _locked(debit)
    if row.state != State.PENDING or row.run.state != RunState.SENT:
        return
    invoice = row.invoice
    share = min(row.minor, invoice.open_minor) if invoice.state == Invoiced.ISSUED else 0
    money = Money(f"sepa:{row.reference}", row.minor, row.run.on, Method.SEPA, row.reference)
    shares = {invoice.pk: share} if share > 0 else {}
    payment = Payment(row.run.organisation, row.organisation, invoice.currency, money, shares)
    receipt = receive(payment, at=at, by=BY)
    why = f"by {row.run.reference}"
    move(row, State.SETTLED, at=at, by=BY, why=why, also={"receipt_id": receipt.pk})
    services.used(row.mandate, row.sequence, on=row.run.on, at=at, by=BY)


@transaction.atomic
def reject(debit: Debit, code: str, *, at: datetime, by: str) -> None:
    """Record that the bank refused a debit: reminders go on. Twice is once.

    One that counted as carried out is undone; no money moved, so the account shows nothing.
    """
    _lock_invoice(debit)
    row = _locked(debit)
    why = f"Refused: {in_words(code)}"
    if row.state == State.SETTLED:
        assert row.receipt is not None, "see debit_settled_has_a_receipt"
        out = credit.Out(f"sepa:{row.reference}", PayoutKind.REFUSED, row.minor, row.run.on, why)
        credit.take_back(row.receipt, out, at=at, by=by)
        _back(row, code, why, at=at, by=by)
    elif row.state == State.PENDING:
        move(row, State.REJECTED, at=at, by=by, why=why, also={"code": code})
        dunning.end_debit_holds(row.run.organisation, [row.invoice_id], at=at, by=by)
        services.came_back(row.mandate, code, why, at=at, by=by)
        notices.returned(row, "", at=at)


@transaction.atomic
def returned(debit: Debit, code: str, *, at: datetime, by: str) -> None:
    """Mark a debit whose money a bank took back: mandate, fee and mail. Twice is once."""
    row = _locked(debit)
    if row.state == State.SETTLED:
        _back(row, code, f"Returned: {in_words(code)}", at=at, by=by)


def _back(row: Debit, code: str, why: str, *, at: datetime, by: str) -> None:
    move(row, State.RETURNED, at=at, by=by, why=why, also={"code": code})
    services.came_back(row.mandate, code, why, at=at, by=by)
    creditor = queries.creditor_of(row.run.organisation)
    claimed = ""
    if creditor is not None and creditor.return_fee_minor:
        wanted = fees.Claim(f"sepa:{row.reference}", FeeKind.RETURNED, creditor.return_fee_minor)
        fee = fees.claim(row.invoice, wanted, at=at, by=by)
        claimed = str(Amount(fee.minor, fee.currency))
    notices.returned(row, claimed, at=at)


def _locked(debit: Debit) -> Debit:
    rows = Debit.objects.select_for_update(of=("self",)).defer("run__content")
    related = ("organisation", "run__organisation", "mandate", "invoice__issuer", "receipt__issuer")
    return rows.select_related(*related).get(pk=debit.pk)


def _lock_invoice(debit: Debit) -> None:
    """Invoices are locked before anything else: who pays this one waits here."""
    locked({debit.invoice_id: 0})
