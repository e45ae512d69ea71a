"""Import bank files: each file once, each movement once, and nothing that does not add up."""

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256

from django.db import IntegrityError, transaction

from billing.bank import formats
from billing.bank.models import BankFile, BankItem, BankStatement
from billing.bank.queries import last_before
from billing.bank.statement import BadFile, Statement, is_account, tidy
from billing.bank.states import State
from billing.ledger.services import take_turn
from erp.base.journal import record
from erp.base.money import Amount
from erp.customers.models import Organisation


def import_file(
    books: Organisation, name: str, content: bytes, *, at: datetime, by: str
) -> tuple[BankFile, bool]:
    """Keep what a file says; return it, and whether it is new. The same bytes change nothing.

    Raises:
        BadFile: it cannot be read, does not add up, or is of an account that is not theirs.
    """
    digest = sha256(content).hexdigest()
    known = BankFile.objects.filter(organisation=books, sha256=digest).first()
    if known:
        return known, False
    format_, statements = formats.read(content)
    for one in statements:
        _check_account(books, one)
    facts = {"name": tidy(name, 120) or "file", "sha256": digest, "format": format_}
    try:
        return _keep(books, statements, facts, at=at, by=by), True
    except IntegrityError:
        # Another worker imported the same bytes in the meantime.
        return BankFile.objects.get(organisation=books, sha256=digest), False


def _check_account(books: Organisation, statement: Statement) -> None:
    if not is_account(books.iban, statement.account):
        shown = f"ends in {books.iban[-4:]}" if books.iban else "is not set"
        raise BadFile(
            f"The file is of account {tidy(statement.account, 34)}, and the IBAN of {books.name} "
            f"{shown}: choose the right books, or correct the IBAN of the organisation."
        )


@transaction.atomic
def _keep(
    books: Organisation,
    statements: Sequence[Statement],
    facts: dict[str, str],
    *,
    at: datetime,
    by: str,
) -> BankFile:
    """Imports into the same books take turns, so that the new lines are counted right."""
    take_turn(books)
    keyed = [list(one.keyed()) for one in statements]
    keys = {key for lines in keyed for key, _ in lines}
    known = set(
        BankItem.objects.filter(organisation=books, key__in=keys).values_list("key", flat=True)
    )
    made = BankFile.objects.create(
        organisation=books,
        lines=sum(len(lines) for lines in keyed),
        new_lines=len(keys - known),
        imported_at=at,
        imported_by=by,
        **facts,
    )
    for statement, lines in zip(statements, keyed, strict=True):
        row = _statement(made, statement)
        new = [(key, line) for key, line in lines if key not in known]
        known |= {key for key, _ in new}
        BankItem.objects.bulk_create(
            [
                BankItem(
                    organisation=books, statement=row, key=key, currency=statement.currency,
                    state=State.OPEN, state_since=at, booked_on=line.booked_on,
                    value_on=line.value_on, minor=line.minor, text=line.text, name=line.name,
                    iban=line.iban.replace(" ", ""), bank_reference=line.reference,
                    end_to_end=line.end_to_end, batch=line.batch, return_code=line.return_code,
                )
                for key, line in new
            ],
            batch_size=1000,
        )  # fmt: skip
    record(made, "imported", at=at, by=by, lines=made.lines, new=made.new_lines)
    return made


def _statement(file: BankFile, statement: Statement) -> BankStatement:
    row = BankStatement(
        organisation_id=file.organisation_id,
        file=file,
        account=statement.account[:34],
        currency=statement.currency,
        number=statement.number[:40],
        opening_minor=statement.opening_minor,
        closing_minor=statement.closing_minor,
        closing_on=statement.closing_on,
    )
    before = last_before(row)
    if before and before.closing_minor != row.opening_minor and row.opening_minor is not None:
        ended = Amount(before.closing_minor or 0, row.currency)
        row.warning = (
            f"It begins with {Amount(row.opening_minor, row.currency)}, and the statement of "
            f"{before.closing_on} ended with {ended}: is a file missing in between?"
        )
    row.save()
    return row
