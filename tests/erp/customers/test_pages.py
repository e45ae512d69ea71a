"""The pages of organisations: who founds, who edits, who grants, who gets in."""

import re

import pytest
from django.core import mail
from django.test import Client

from erp.base.journal import JournalLine
from erp.customers.models import Member, Organisation
from erp.customers.states import Role
from tests.erp.builders import Tree, a_client, a_member

FACTS = {
    "name": "Bakery",
    "country": "FR",
    "email": "bills@bakery.example",
    "street": "8 avenue Jean Jaurès",
    "postcode": "31000",
    "city": "Toulouse",
    "vat_number": "FR 64 443061841",
    "iban": "FR14 2004 1010 0505 0001 3M02 606",
    "currency": "eur",
}


def path(organisation: Organisation, rest: str = "") -> str:
    return f"/organisations/{organisation.reference}{rest}"


def test_a_reseller_founds_a_customer_and_sees_it(tree: Tree) -> None:
    client = a_client(a_member(tree.reseller, Role.RESELLER_MANAGER))

    answer = client.post(path(tree.reseller, "/customers/new"), FACTS, follow=True)

    made = Organisation.objects.get(name="Bakery")
    assert answer.redirect_chain == [(path(made), 302)]
    assert (made.parent, made.kind) == (tree.reseller, "customer")
    assert (made.vat_number, made.currency) == ("FR64443061841", "EUR")
    assert made.iban == "FR1420041010050500013M02606"
    assert JournalLine.objects.filter(subject_reference=made.reference, event="founded").exists()


def test_the_providers_owner_founds_resellers_and_customers(tree: Tree) -> None:
    client = a_client(a_member(tree.provider, Role.OWNER))

    client.post(path(tree.provider, "/resellers/new"), FACTS)
    client.post(path(tree.provider, "/customers/new"), FACTS | {"name": "Mill"})

    kinds = Organisation.objects.filter(name__in=["Bakery", "Mill"]).order_by("name")
    assert [(one.kind, one.parent) for one in kinds] == [
        ("reseller", tree.provider), ("customer", tree.provider),
    ]  # fmt: skip


def test_only_the_provider_has_resellers(tree: Tree) -> None:
    client = a_client(a_member(tree.reseller, Role.RESELLER_MANAGER))

    answer = client.post(path(tree.reseller, "/resellers/new"), FACTS)

    assert answer.status_code == 422
    assert "directly below the provider" in answer.content.decode()
    assert client.post(path(tree.customer, "/customers/new"), FACTS).status_code == 422
    assert not Organisation.objects.filter(name="Bakery").exists()


@pytest.mark.parametrize("role", [Role.SUPPORT, Role.READ_ONLY])
def test_other_roles_found_nobody(tree: Tree, role: Role) -> None:
    client = a_client(a_member(tree.reseller, role))

    assert client.post(path(tree.reseller, "/customers/new"), FACTS).status_code == 403
    assert not Organisation.objects.filter(name="Bakery").exists()


@pytest.mark.parametrize(
    ("field", "typed", "says"),
    [
        ("vat_number", "FR64443061842", "no valid VAT number"),
        ("iban", "FR1420041010050500013M02607", "no valid IBAN"),
        ("bic", "NOBANK", "8 or 11 signs"),
        ("currency", "€", "ISO 4217"),
        ("country", "XX", "Select a valid choice"),
        ("email", "bakery", "valid email"),
        ("name", "", "required"),
    ],
)
def test_bad_facts_are_refused_beside_their_field(
    tree: Tree, field: str, typed: str, says: str
) -> None:
    client = a_client(a_member(tree.reseller, Role.RESELLER_MANAGER))

    answer = client.post(path(tree.reseller, "/customers/new"), FACTS | {field: typed})

    assert answer.status_code == 422
    assert says in str(answer.context["form"].errors[field])
    assert not Organisation.objects.filter(street=FACTS["street"]).exists()


def test_an_owner_edits_the_billing_facts_and_the_journal_keeps_the_old(tree: Tree) -> None:
    client = a_client(a_member(tree.customer, Role.OWNER))
    facts = FACTS | {"name": "Customer", "email": tree.customer.email}

    client.post(path(tree.customer, "/edit"), facts)
    client.post(path(tree.customer, "/edit"), facts)

    tree.customer.refresh_from_db()
    assert (tree.customer.city, tree.customer.vat_number) == ("Toulouse", "FR64443061841")
    line = JournalLine.objects.get(event="changed")
    assert line.why == "city, iban, postcode, street, vat number"
    assert line.details["before"]["city"] == ""
    assert line.details["after"]["city"] == "Toulouse"
    assert "Changed" in client.get(path(tree.customer)).content.decode()


@pytest.mark.parametrize("role", [Role.TECHNICAL, Role.BILLING, Role.READ_ONLY])
def test_others_do_not_edit(tree: Tree, role: Role) -> None:
    client = a_client(a_member(tree.customer, role))

    assert client.get(path(tree.customer)).status_code == 200
    assert client.post(path(tree.customer, "/edit"), FACTS).status_code == 403
    assert client.post(path(tree.customer, "/terms"), {"payment_days": "90"}).status_code == 403


def test_the_seller_grants_and_nobody_grants_to_themselves(tree: Tree) -> None:
    client = a_client(a_member(tree.reseller, Role.RESELLER_MANAGER))
    asked = {"payment_days": "14", "credit_limit": "99.90"}

    client.post(path(tree.customer, "/terms"), asked)

    tree.customer.refresh_from_db()
    assert (tree.customer.payment_days, tree.customer.credit_limit_minor) == (14, 9990)
    assert "99.90" in client.get(path(tree.customer, "/terms")).content.decode()
    assert client.post(path(tree.reseller, "/terms"), asked).status_code == 403
    assert (
        client.post(path(tree.customer, "/terms"), asked | {"credit_limit": "-1"}).status_code
        == 422
    )


def test_a_new_member_gets_in_by_the_link_of_the_reset_page(tree: Tree) -> None:
    owner = a_client(a_member(tree.customer, Role.OWNER))
    email = "new@people.example"

    owner.post(path(tree.customer, "/members/new"), {"email": email, "role": "billing"})
    page = owner.get(path(tree.customer)).content.decode()
    assert email in page
    assert "No password is sent" in owner.get(path(tree.customer, "/members/new")).content.decode()
    owner.post("/accounts/password/reset/", {"email": email})

    user = Member.objects.get(user__email=email).user
    assert not user.has_usable_password()
    found = re.search(r"https?://[^/]+(/accounts/password/reset/key/\S+)", str(mail.outbox[0].body))
    assert found
    new = Client()
    form = new.get(found[1], follow=True).redirect_chain[-1][0]
    words = "a-long-password-7"
    new.post(form, {"password1": words, "password2": words})
    user.refresh_from_db()
    assert user.check_password(words)


def test_a_person_is_a_member_once_and_in_a_role_that_exists_there(tree: Tree) -> None:
    owner = a_client(a_member(tree.customer, Role.OWNER))
    asked = {"email": "new@people.example", "role": "billing"}
    owner.post(path(tree.customer, "/members/new"), asked)

    again = owner.post(path(tree.customer, "/members/new"), asked | {"role": "owner"})
    odd = owner.post(
        path(tree.customer, "/members/new"), {"email": "b@c.example", "role": "operator"}
    )

    assert (again.status_code, odd.status_code) == (422, 422)
    assert "member of Customer already" in again.content.decode()
    assert Member.objects.get(user__email="new@people.example").role == Role.BILLING
    assert not Member.objects.filter(user__email="b@c.example").exists()


def test_only_heads_add_members(tree: Tree) -> None:
    client = a_client(a_member(tree.customer, Role.TECHNICAL))
    asked = {"email": "new@people.example", "role": "owner"}

    assert client.post(path(tree.customer, "/members/new"), asked).status_code == 403
    assert not Member.objects.filter(user__email="new@people.example").exists()


def test_one_finds_only_what_is_in_ones_own_tree(tree: Tree) -> None:
    client = a_client(a_member(tree.reseller, Role.SUPPORT))

    assert [one.name for one in client.get("/organisations/").context["organisations"]] == [
        "Customer", "Reseller", "Sibling",
    ]  # fmt: skip
    assert list(client.get("/organisations/?q=cousin").context["organisations"]) == []
    found = client.get(f"/organisations/?q={tree.sibling.reference.lower()}")
    assert list(found.context["organisations"]) == [tree.sibling]
    assert client.get(path(tree.cousin)).status_code == 404
    assert client.get(path(tree.provider)).status_code == 404


def test_the_list_goes_on_after_the_last_name(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("erp.customers.views.PAGE", 2)
    client = a_client(a_member(tree.reseller, Role.SUPPORT))

    first = client.get("/organisations/")
    last = first.context["more_after"]

    assert last == tree.reseller.reference
    second = client.get(f"/organisations/?after={last}")
    assert list(second.context["organisations"]) == [tree.sibling]
    assert f"after={last}" in first.content.decode()


def test_who_bills_grants_no_credit_and_the_owner_of_the_provider_does(tree: Tree) -> None:
    accountant, owner, customer = (
        a_client(a_member(organisation, role))
        for organisation, role in (
            (tree.provider, Role.ACCOUNTANT),
            (tree.provider, Role.OWNER),
            (tree.customer, Role.OWNER),
        )
    )
    places = [path(tree.provider, "/customers/new"), path(tree.direct, "/terms")]

    assert [accountant.get(place).status_code for place in places] == [403, 403]
    assert [owner.get(place).status_code for place in places] == [200, 200]
    assert customer.get(path(tree.customer, "/terms")).status_code == 403
    assert customer.get(path(tree.customer, "/customers/new")).status_code == 403
