"""Refunds by file: credit of customers goes out, and is theirs again when it is not carried out."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256

from django.db import transaction

from billing.ledger import services as ledger
from billing.payments import credit
from billing.payments.models import Method, Payout, PayoutKind, Receipt
from billing.payments.services import Money, Payment, receive
from billing.sepa import files, queries
from billing.sepa.calendar import is_open, next_open
from billing.sepa.debits import BadDay, NothingToCollect
from billing.sepa.models import SepaRun, Transfer
from billing.sepa.reasons import in_words
from billing.sepa.services import NoCreditor
from billing.sepa.states import RunKind, RunState, State
from erp.base.journal import record
from erp.base.lifecycle import move
from erp.customers.models import Organisation

BY = "sepa"


@dataclass(frozen=True, slots=True)
class Wish:
    """A file as somebody asks for it; the same key is the same file.

    Args:
        receipts: keys of the receipts whose credit is paid out.
    """

    key: str
    on: date
    receipts: Sequence[int]


@transaction.atomic
def prepare(seller: Organisation, wish: Wish, *, at: datetime, by: str) -> SepaRun:
    """Make the file that pays credit out; from now on it is no credit any more.

    Raises:
        NoCreditor: the seller has no account.
        BadDay, NothingToCollect: there is nothing to make.
        InvalidFile: the schema refuses it; nothing is kept.
    """
    ledger.take_turn(seller)
    known = queries.runs(seller).filter(request_key=wish.key).first()
    if known:
        return known
    if not seller.iban:
        raise NoCreditor("A seller that pays has an IBAN: write it on the organisation's page.")
    if not is_open(wish.on) or wish.on < ledger.day_in(seller, at):
        raise BadDay(f"Banks pay on days that come: the next is {next_open(wish.on)}.")
    wanted = set(wish.receipts)
    receipts = [one for one in queries.refundable(seller) if one.pk in wanted]
    if not receipts:
        raise NothingToCollect("Choose at least one payment with credit.")
    run = SepaRun(
        organisation=seller, request_key=wish.key, kind=RunKind.TRANSFER, on=wish.on,
        orders=len(receipts), total_minor=sum(one.credit_minor for one in receipts), made_at=at,
        made_by=by, state=RunState.PREPARED, state_since=at,
    )  # fmt: skip
    made = [_transfer(run, one, at=at, by=by) for one in receipts]
    _write(run, made, at=at)
    record(run, "prepared", at=at, by=by, transfers=run.orders, minor=run.total_minor)
    return run


def _transfer(run: SepaRun, receipt: Receipt, *, at: datetime, by: str) -> Transfer:
    payee = receipt.organisation
    made = Transfer(
        organisation=payee, run=run, name=payee.name[:70], iban=payee.iban.replace(" ", ""),
        bic=payee.bic, minor=receipt.credit_minor, state=State.PENDING, state_since=at,
    )  # fmt: skip
    out = credit.Out(
        f"sepa:{made.reference}", PayoutKind.TRANSFER, made.minor, run.on, f"by {run.reference}"
    )
    made.payout = credit.pay_out(receipt, out, at=at, by=by)
    return made


def _write(run: SepaRun, made: Sequence[Transfer], *, at: datetime) -> None:
    seller = run.organisation
    header = files.Header(run.reference, at, seller.name, seller.iban, seller.bic)
    written = files.transfers(header, [_order(one, run.on) for one in made])
    run.content, run.sha256 = written.content, sha256(written.content).hexdigest()
    run.save(force_insert=True)
    for one in made:
        one.batch = written.batches[one.reference]
    Transfer.objects.bulk_create(made, batch_size=500)


def _order(one: Transfer, on: date) -> files.Order:
    text = f"Refund {one.payout.receipt.reference}"
    return files.Order(one.reference, one.minor, on, one.name, one.iban, one.bic, text)


@transaction.atomic
def settle(transfer: Transfer, *, at: datetime) -> None:
    """Record that a transfer was carried out on its day; twice is once."""
    row = _locked(transfer)
    if row.state == State.PENDING and row.run.state == RunState.SENT:
        move(row, State.SETTLED, at=at, by=BY, why=f"by {row.run.reference}")


@transaction.atomic
def undo(transfer: Transfer, to: str, code: str, *, at: datetime, by: str) -> None:
    """Make what was not carried out credit of the customer again. Twice is once."""
    row = _locked(transfer)
    if row.back_id or row.state not in (State.PENDING, State.SETTLED):
        return
    if row.state == State.SETTLED:
        to = State.RETURNED
    payout: Payout = row.payout
    money = Money(
        f"sepa-back:{row.reference}", row.minor, ledger.day_in(row.run.organisation, at),
        Method.SEPA, row.reference,
    )  # fmt: skip
    payment = Payment(row.run.organisation, row.organisation, payout.receipt.currency, money)
    back = receive(payment, at=at, by=by)
    why = in_words(code) if code else "the file was cancelled"
    move(row, to, at=at, by=by, why=why, also={"code": code, "back_id": back.pk})


def _locked(transfer: Transfer) -> Transfer:
    rows = Transfer.objects.select_for_update(of=("self",)).defer("run__content")
    related = ("organisation", "run__organisation", "payout__receipt")
    return rows.select_related(*related).get(pk=transfer.pk)
