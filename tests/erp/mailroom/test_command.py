"""`manage.py mail_in`: stored is 0, not stored is 75 so that the mail server keeps it."""

import io
import os
import sys

import pytest
from django.core.management import call_command
from django.db import OperationalError

from erp.customers.states import Role
from erp.mailroom import services
from erp.mailroom.models import IncomingMail
from erp.tickets.models import Ticket
from tests.erp.builders import Tree, a_member
from tests.erp.mailroom.mails import a_mail


def pipe(monkeypatch: pytest.MonkeyPatch, raw: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(raw)))


def test_a_piped_mail_is_taken(
    tree: Tree, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pipe(monkeypatch, bytes(a_mail(a_member(tree.customer, Role.OWNER).email)))

    call_command("mail_in")

    mail, ticket = IncomingMail.objects.get(), Ticket.objects.get()
    assert capsys.readouterr().out == f"{mail.reference} taken in {ticket.reference}\n"


def test_what_cannot_be_read_is_stored_all_the_same(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe(monkeypatch, b"\xff\x00 nothing")

    call_command("mail_in")

    assert IncomingMail.objects.get().state == "aside"


def test_what_could_not_be_stored_is_tried_again(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(raw: bytes, **facts: object) -> None:
        raise OperationalError("the database is away")

    monkeypatch.setattr(services, "_store", away)
    pipe(monkeypatch, bytes(a_mail("a@x.example")))

    with pytest.raises(SystemExit) as ended:
        call_command("mail_in")

    assert ended.value.code == os.EX_TEMPFAIL == 75
    assert not IncomingMail.objects.exists()
