"""Invoices are found by their number, by who may see them."""

import pytest
from django.contrib.auth.models import User
from django.urls import reverse

from billing.invoicing.models import Invoice
from billing.invoicing.subjects import Invoices
from erp.customers.models import Member, Organisation
from tests.billing.builders import FakeUsage
from tests.billing.payments.owed import owed

pytestmark = pytest.mark.django_db


def a_reader(organisation: Organisation, role: str) -> User:
    user = User.objects.create_user(f"{role}-{organisation.reference}")
    Member.objects.create(organisation=organisation, user=user, role=role)
    return user


@pytest.fixture
def invoices(usage: FakeUsage) -> list[Invoice]:
    return owed(usage, 2)


def test_a_number_is_found_whole_and_by_how_it_begins(invoices: list[Invoice]) -> None:
    first, second = invoices
    owner = a_reader(first.organisation, "owner")
    title = f"{first.number}, {first.organisation.name}"

    assert [one.title for one in Invoices().search(owner, first.number.lower(), limit=6)] == [title]
    begun = Invoices().search(owner, first.number[:4], limit=6)
    assert [one.reference for one in begun] == [first.reference, second.reference]
    assert len(Invoices().search(owner, first.number[:4], limit=1)) == 1
    line = Invoices().find(owner, f"{second.number}/1")
    assert line is not None
    assert (line.kind, line.reference) == ("invoice_line", f"{second.reference}/1")
    assert line.path == reverse("invoices:line", args=[second.reference, 1])
    assert Invoices().find(owner, f"{second.number}/99") is None
    assert Invoices().find(owner, f"{second.number}/x") is None


def test_who_sees_no_invoices_finds_none(invoices: list[Invoice]) -> None:
    technical = a_reader(invoices[0].organisation, "technical")

    assert Invoices().search(technical, invoices[0].number, limit=6) == []
    assert Invoices().find(technical, invoices[0].number) is None
