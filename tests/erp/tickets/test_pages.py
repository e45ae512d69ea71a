"""The pages of tickets: who writes what, and who reads it."""

import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from erp.customers.states import Role
from erp.tickets import services
from erp.tickets.models import Message, MessageFile, Ticket
from erp.tickets.states import State
from tests.erp.builders import NOON, Tree, a_client, a_contract, a_member, a_plan, a_price_list

KEY = "K-0000000A"


def a_ticket(tree: Tree, subject: str = "It is slow") -> Ticket:
    return services.open_ticket(
        tree.customer, subject=subject, body="Since noon.", at=NOON, by="alice"
    )


def test_a_customer_opens_a_ticket_once_even_when_sent_twice(tree: Tree) -> None:
    client = a_client(a_member(tree.customer, Role.OWNER))
    page = client.get("/tickets/new").content.decode()
    found = re.search(r'name="key" value="(K-[0-9A-Z]{8})"', page)
    assert found
    asked = {"key": found[1], "subject": "It is slow", "body": "Since noon."}

    first, second = client.post("/tickets/new", asked), client.post("/tickets/new", asked)

    ticket = Ticket.objects.get()
    assert (ticket.organisation, ticket.state, ticket.kind) == (tree.customer, "open", "support")
    assert first.headers["Location"] == second.headers["Location"] == f"/tickets/{ticket.reference}"
    assert Message.objects.count() == 1
    assert "Since noon." in client.get(f"/tickets/{ticket.reference}").content.decode()


def test_a_service_is_chosen_beforehand(tree: Tree) -> None:
    plan = a_plan(tree.provider)
    a_price_list(tree.reseller, plan)
    contract = a_contract(tree.customer, plan)
    client = a_client(a_member(tree.customer, Role.TECHNICAL))
    path = f"/tickets/new?service={contract.reference}"

    assert f'value="{contract.reference}" selected' in client.get(path).content.decode()
    asked = {"key": KEY, "service": contract.reference, "subject": "Slow", "body": "Very."}
    client.post(path, asked)

    assert Ticket.objects.get().contract == contract


def test_the_service_of_others_is_not_found(tree: Tree) -> None:
    plan = a_plan(tree.provider)
    a_price_list(tree.reseller, plan)
    contract = a_contract(tree.sibling, plan)
    client = a_client(a_member(tree.customer, Role.OWNER))

    assert client.get(f"/tickets/new?service={contract.reference}").status_code == 404
    asked = {"key": KEY, "service": contract.reference, "subject": "Slow", "body": "Very."}
    assert client.post("/tickets/new", asked).status_code == 422
    assert not Ticket.objects.exists()


def test_staff_open_a_ticket_for_the_customer_of_a_service(tree: Tree) -> None:
    plan = a_plan(tree.provider)
    a_price_list(tree.reseller, plan)
    contract = a_contract(tree.customer, plan)
    client = a_client(a_member(tree.provider, Role.OPERATOR))
    asked = {
        "key": KEY, "service": contract.reference, "subject": "Slow", "body": "We saw.",
        "organisation": tree.customer.reference,
    }  # fmt: skip

    client.post(f"/tickets/new?service={contract.reference}", asked)

    assert Ticket.objects.get().organisation == tree.customer


def test_a_reader_of_several_organisations_chooses_one(tree: Tree) -> None:
    user = a_member(tree.customer, Role.OWNER)
    user.members.create(organisation=tree.sibling, role=Role.BILLING)
    client = a_client(user)
    asked = {"key": KEY, "subject": "Slow", "body": "Very."}

    assert client.post("/tickets/new", asked).status_code == 422
    client.post("/tickets/new", asked | {"organisation": tree.sibling.reference})

    assert Ticket.objects.get().organisation == tree.sibling


@pytest.mark.parametrize(
    "wrong", [{"subject": ""}, {"body": ""}, {"key": "mine"}, {"subject": "x" * 201}, {"key": ""}]
)
def test_a_bad_form_is_shown_again(tree: Tree, wrong: dict[str, str]) -> None:
    client = a_client(a_member(tree.customer, Role.OWNER))
    asked = {"key": KEY, "subject": "Slow", "body": "Very."} | wrong

    assert client.post("/tickets/new", asked).status_code == 422
    assert not Ticket.objects.exists()


def test_a_read_only_member_reads_and_does_not_write(tree: Tree) -> None:
    ticket = a_ticket(tree)
    client = a_client(a_member(tree.customer, Role.READ_ONLY))

    page = client.get(f"/tickets/{ticket.reference}")
    assert page.status_code == 200
    assert "Send</button>" not in page.content.decode()
    assert client.get("/tickets/new").status_code == 403
    said = {"key": KEY, "body": "Hello"}
    assert client.post(f"/tickets/{ticket.reference}/reply", said).status_code == 403
    assert client.post(f"/tickets/{ticket.reference}/close").status_code == 403
    assert Message.objects.count() == 1


def test_staff_answer_and_the_customer_answers_back(tree: Tree) -> None:
    ticket = a_ticket(tree)
    path = f"/tickets/{ticket.reference}/reply"

    staff = a_client(a_member(tree.reseller, Role.RESELLER_MANAGER))
    for _ in range(2):
        staff.post(path, {"key": "K-0000000S", "body": "Which page?"})
    assert Ticket.objects.get().state == State.WAITING

    a_client(a_member(tree.customer, Role.OWNER)).post(path, {"key": KEY, "body": "All."})
    assert Ticket.objects.get().state == State.OPEN
    assert [one.body for one in Message.objects.all()] == ["Since noon.", "Which page?", "All."]


def test_internal_notes_are_for_the_staff_alone(tree: Tree) -> None:
    ticket = a_ticket(tree)
    path = f"/tickets/{ticket.reference}"
    support, customer = (
        a_client(a_member(tree.provider, Role.SUPPORT)),
        a_client(a_member(tree.customer, Role.OWNER)),
    )

    support.post(f"{path}/reply", {"key": KEY, "body": "Their disk.", "is_internal": "on"})

    assert "Their disk." in support.get(path).content.decode()
    page = customer.get(path).content.decode()
    assert "Their disk." not in page
    assert "Internal note" not in page
    sly = {"key": "K-0000000B", "body": "Sly", "is_internal": "on"}
    assert customer.post(f"{path}/reply", sly).status_code == 403
    assert Message.objects.count() == 2


def test_a_reseller_is_a_customer_to_the_provider(tree: Tree) -> None:
    ticket = services.open_ticket(
        tree.reseller, subject="Our bill", body="Too high.", at=NOON, by="r"
    )
    path = f"/tickets/{ticket.reference}"
    note = {"key": KEY, "body": "A fussy one.", "is_internal": "on"}
    a_client(a_member(tree.provider, Role.SUPPORT)).post(f"{path}/reply", note)
    manager = a_client(a_member(tree.reseller, Role.RESELLER_MANAGER))

    assert "A fussy one." not in manager.get(path).content.decode()
    manager.post(f"{path}/reply", {"key": "K-0000000B", "body": "Please."})
    assert Ticket.objects.get().state == State.OPEN


def test_an_empty_reply_is_shown_again(tree: Tree) -> None:
    ticket = a_ticket(tree)
    client = a_client(a_member(tree.customer, Role.OWNER))

    assert client.post(f"/tickets/{ticket.reference}/reply", {"key": KEY}).status_code == 422
    assert Message.objects.count() == 1


def test_closing_says_why_and_closing_again_is_refused(tree: Tree) -> None:
    ticket = a_ticket(tree)
    client = a_client(a_member(tree.customer, Role.OWNER))
    path = f"/tickets/{ticket.reference}/close"

    client.post(path, {"why": "It works."})

    found = Ticket.objects.get()
    assert (found.state, found.state_reason) == (State.CLOSED, "It works.")
    assert client.post(path).status_code == 409


def test_the_list_shows_open_first_page_by_page(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("erp.tickets.views.PAGE", 2)
    closed, waiting, old, new = (a_ticket(tree, f"Subject {number}") for number in range(4))
    services.close(closed, at=NOON, by="bob")
    services.reply(waiting, "And?", at=NOON, by="bob", is_staff=True)
    services.open_ticket(tree.sibling, subject="Of others", body="…", at=NOON, by="eve")
    client = a_client(a_member(tree.customer, Role.OWNER))

    first = client.get("/tickets/")
    second = client.get("/tickets/" + first.context["next_url"])

    assert list(first.context["tickets"]) == [new, old]
    assert list(second.context["tickets"]) == [waiting, closed]
    assert second.context["next_url"] == ""
    assert list(client.get("/tickets/?state=closed").context["tickets"]) == [closed]
    assert len(client.get("/tickets/?after=odd").context["tickets"]) == 2


def _upload(name: str, content: bytes = b"png") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content, "image/png")


def test_files_come_with_a_ticket_and_with_an_answer(tree: Tree) -> None:
    client = a_client(a_member(tree.customer, Role.OWNER))
    asked = {"key": KEY, "subject": "Slow", "body": "See.", "attached": [_upload("../shot.png")]}

    for _ in range(2):
        for one in asked["attached"]:
            one.seek(0)  # type: ignore[attr-defined]
        client.post("/tickets/new", asked)
    ticket = Ticket.objects.get()
    said = {"key": "K-0000000B", "body": "And.", "attached": [_upload("a.png"), _upload("b.png")]}
    client.post(f"/tickets/{ticket.reference}/reply", said)

    files = MessageFile.objects.order_by("pk")
    assert [(one.name, bytes(one.content)) for one in files] == [
        ("shot.png", b"png"), ("a.png", b"png"), ("b.png", b"png"),
    ]  # fmt: skip
    assert "b.png" in client.get(f"/tickets/{ticket.reference}").content.decode()


def test_too_many_and_too_large_files_are_refused_beside_the_field(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("erp.tickets.forms.MOST_FILE_BYTES", 2**20)
    client = a_client(a_member(tree.customer, Role.OWNER))
    asked = {"key": KEY, "subject": "Slow", "body": "See."}

    many = client.post(
        "/tickets/new", asked | {"attached": [_upload(f"{n}.png") for n in range(6)]}
    )
    large = client.post(
        "/tickets/new", asked | {"attached": [_upload("big.png", b"x" * (2**20 + 1))]}
    )

    assert "At most 5 files at once." in many.content.decode()
    assert "big.png is larger than 1 MB." in large.content.decode()
    assert (many.status_code, large.status_code) == (422, 422)
    assert not Ticket.objects.exists()
