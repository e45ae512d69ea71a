"""What those who serve do with a ticket: merge, link, act, judge; and who may."""

from datetime import timedelta

import pytest

from erp.audit import children_belong_to_their_parent
from erp.contracts.models import Contract
from erp.customers.states import Role
from erp.desk.models import CannedAnswer, TicketTemplate
from erp.desk.states import Priority
from erp.tickets import queries, services, working
from erp.tickets.models import Message, MessageFile, Satisfaction, Ticket, TicketLink
from erp.tickets.services import File
from tests.erp.builders import NOON, Tree, a_client, a_contract, a_member, a_plan, a_price_list
from tests.erp.desk.builders import a_queue

KEY = "K-0000000A"


def a_ticket(tree: Tree, subject: str = "Slow", **facts: object) -> Ticket:
    asked: dict[str, object] = {"body": f"{subject}: help.", "at": NOON, "by": "ann"} | facts
    return services.open_ticket(tree.customer, subject=subject, **asked)  # type: ignore[arg-type]


def a_service(tree: Tree) -> Contract:
    plan = a_plan(tree.provider)
    a_price_list(tree.reseller, plan)
    return a_contract(tree.customer, plan)


def test_two_tickets_are_read_as_one_and_nothing_is_rewritten(tree: Tree) -> None:
    old, new = a_ticket(tree, "First"), a_ticket(tree, "Second")
    for _ in range(2):
        working.merge(new, old, at=NOON, by="bob")

    assert [one.body for one in queries.thread(old, is_staff=False)] == [
        "First: help.", "Second: help.",
    ]  # fmt: skip
    found = Ticket.objects.get(pk=new.pk)
    assert (found.state, found.state_reason) == ("closed", f"merged into {old.reference}")
    with pytest.raises(services.ContinuedThere, match=old.reference):
        services.reply(found, "And?", at=NOON, by="ann")
    assert Message.objects.count() == 2


def test_what_was_merged_before_goes_along(tree: Tree) -> None:
    first, second, third = (a_ticket(tree, name) for name in ("a", "b", "c"))
    working.merge(first, second, at=NOON, by="bob")
    working.merge(second, third, at=NOON, by="bob")

    assert len(queries.thread(third, is_staff=False)) == 3
    with pytest.raises(working.CannotBeMerged, match="was itself merged"):
        working.merge(third, first, at=NOON, by="bob")


def test_tickets_of_two_organisations_are_never_one(tree: Tree) -> None:
    ticket = a_ticket(tree)
    other = services.open_ticket(tree.sibling, subject="x", body="y", at=NOON, by="eve")
    bob = a_client(a_member(tree.reseller, Role.SUPPORT))

    with pytest.raises(working.CannotBeMerged, match="two organisations"):
        working.merge(ticket, other, at=NOON, by="bob")
    answer = bob.post(f"/tickets/{ticket.reference}/merge", {"into": other.reference})
    assert answer.status_code == 404
    assert not Ticket.objects.exclude(merged_into=None).exists()


def test_an_incident_is_not_merged_away(tree: Tree) -> None:
    incident = services.report_cause(
        "node:1", organisation=tree.customer, subject="Down", body="x", at=NOON, by="sweep"
    )

    with pytest.raises(working.CannotBeMerged, match="closes by itself"):
        working.merge(incident, a_ticket(tree), at=NOON, by="bob")


def test_a_link_to_what_is_the_customers_is_seen_by_it(tree: Tree) -> None:
    ticket, contract = a_ticket(tree), a_service(tree)
    incident = services.report_cause(
        "node:1", organisation=tree.provider, subject="node-1 is silent", body="x", at=NOON, by="s"
    )
    support = a_client(a_member(tree.provider, Role.SUPPORT))
    for name in (contract.reference, incident.reference, contract.reference.lower()):
        support.post(f"/tickets/{ticket.reference}/link", {"name": name})

    links = TicketLink.objects.order_by("pk")
    assert [(one.kind, one.reference, one.is_internal) for one in links] == [
        ("service", contract.reference, False), ("incident", incident.reference, True),
    ]  # fmt: skip
    path = f"/tickets/{ticket.reference}"
    assert "node-1 is silent" in support.get(path).content.decode()
    page = a_client(a_member(tree.customer, Role.OWNER)).get(path).content.decode()
    assert "node-1 is silent" not in page
    assert contract.name in page

    support.post(f"{path}/unlink/{links[1].pk}")
    assert TicketLink.objects.get().kind == "service"


def test_what_the_agent_does_not_see_is_not_linked(tree: Tree) -> None:
    ticket = a_ticket(tree)
    foreign = services.open_ticket(tree.cousin, subject="Secret", body="y", at=NOON, by="eve")
    bob = a_client(a_member(tree.reseller, Role.SUPPORT))

    page = bob.post(
        f"/tickets/{ticket.reference}/link", {"name": foreign.reference}, follow=True
    ).content.decode()

    assert f"You see nothing that is called {foreign.reference}." in page
    assert not TicketLink.objects.exists()


def test_the_service_is_stopped_from_the_ticket_and_the_thread_says_so(tree: Tree) -> None:
    contract = a_service(tree)
    ticket = a_ticket(tree, contract=contract)
    operator = a_member(tree.provider, Role.OPERATOR)
    path = f"/tickets/{ticket.reference}/act"

    a_client(operator).post(path, {"action": "stop", "why": "It sends spam."})
    found = Contract.objects.get()
    assert found.state == "suspended"
    assert found.state_reason == f"{ticket.reference}: It sends spam."
    a_client(operator).post(path, {"action": "start", "why": "Cleaned."})
    assert Contract.objects.get().state == "active"

    acts = Message.objects.filter(kind="act").order_by("pk")
    assert [(one.author, one.body) for one in acts] == [
        (operator.username, "Stopped Our site: It sends spam."),
        (operator.username, "Started Our site: Cleaned."),
    ]
    assert Ticket.objects.get().state == "open"


def test_who_may_not_touch_services_does_not_from_a_ticket(tree: Tree) -> None:
    contract = a_service(tree)
    ticket = a_ticket(tree, contract=contract)
    path, wish = f"/tickets/{ticket.reference}/act", {"action": "stop", "why": "x"}

    assert a_client(a_member(tree.reseller, Role.SUPPORT)).post(path, wish).status_code == 403
    assert a_client(a_member(tree.customer, Role.OWNER)).post(path, wish).status_code == 403
    assert Contract.objects.get().state == "active"
    assert not Message.objects.filter(kind="act").exists()


@pytest.mark.parametrize("verb", ["route", "take", "merge", "link", "act"])
def test_a_customer_does_nothing_of_the_desk(tree: Tree, verb: str) -> None:
    ticket = a_ticket(tree)
    owner = a_client(a_member(tree.customer, Role.OWNER))

    assert owner.post(f"/tickets/{ticket.reference}/{verb}").status_code == 403
    assert owner.get("/tickets/inbox").status_code == 403
    assert owner.get(f"/tickets/customer/{tree.customer.reference}").status_code == 403


def test_the_customer_judges_a_closed_ticket_and_the_last_word_counts(tree: Tree) -> None:
    ticket = a_ticket(tree)
    owner, bob = a_member(tree.customer, Role.OWNER), a_member(tree.reseller, Role.SUPPORT)
    path = f"/tickets/{ticket.reference}"
    assert a_client(owner).post(f"{path}/judge", {"score": "5"}).status_code == 409
    services.close(ticket, at=NOON, by=bob.username)
    assert "How was the help?" in a_client(owner).get(path).content.decode()

    a_client(owner).post(f"{path}/judge", {"score": "2", "words": "Slow."})
    a_client(owner).post(f"{path}/judge", {"score": "4", "words": "Fine."})
    for bad in ("6", "0", "x"):
        a_client(owner).post(f"{path}/judge", {"score": bad})
    assert a_client(bob).post(f"{path}/judge", {"score": "5"}).status_code == 403

    said = Satisfaction.objects.get()
    assert (said.score, said.words, said.by) == (4, "Fine.", owner.username)
    assert queries.judged(bob, NOON - timedelta(days=1)) == queries.Judgement(1, 4.0)


def test_the_history_of_the_desk_is_for_the_staff_alone(tree: Tree) -> None:
    queue = a_queue(tree.reseller, name="Fussy ones")
    ticket = a_ticket(tree)
    bob = a_member(tree.reseller, Role.SUPPORT)
    route = {"queue": queue.reference, "assignee": str(bob.pk), "priority": "1"}

    a_client(bob).post(f"/tickets/{ticket.reference}/route", route)

    path = f"/tickets/{ticket.reference}"
    assert "Fussy ones" in a_client(bob).get(path).content.decode()
    page = a_client(a_member(tree.customer, Role.OWNER)).get(path).content.decode()
    assert "Fussy ones" not in page
    assert f"Looked after by</dt><dd>{bob.username}" in page


def test_a_ticket_is_not_handed_to_strangers(tree: Tree) -> None:
    foreign = a_queue(tree.other_reseller, name="Theirs")
    eve = a_member(tree.other_reseller, Role.SUPPORT)
    ticket, bob = a_ticket(tree), a_client(a_member(tree.reseller, Role.SUPPORT))
    for wrong in ({"queue": foreign.reference}, {"assignee": str(eve.pk)}, {"priority": "9"}):
        bob.post(f"/tickets/{ticket.reference}/route", {"priority": "3"} | wrong)

    found = Ticket.objects.get()
    assert (found.queue, found.assignee, found.priority) == (None, None, Priority.NORMAL)


def test_a_canned_answer_stands_filled_in_the_form(tree: Tree) -> None:
    a_member(tree.reseller, Role.SUPPORT)
    bob = a_member(tree.reseller, Role.SUPPORT)
    ticket = a_ticket(tree, "{agent} is slow")
    canned = CannedAnswer.objects.create(
        organisation=tree.reseller, name="Hello",
        body="Hello {person} of {customer}, about {subject} ({ticket}, {service}): {agent}, {odd}",
    )  # fmt: skip

    page = a_client(bob).get(f"/tickets/{ticket.reference}?canned={canned.reference}")

    assert page.context["form"].initial["body"] == (
        f"Hello ann of Customer, about {{agent}} is slow ({ticket.reference}, your service): "
        f"{bob.username}, {{odd}}"
    )
    foreign = CannedAnswer.objects.create(organisation=tree.other_reseller, name="x", body="Secret")
    page = a_client(bob).get(f"/tickets/{ticket.reference}?canned={foreign.reference}")
    assert page.context["form"].initial["body"] == ""


def test_a_ticket_begins_with_a_template_of_its_seller(tree: Tree) -> None:
    urgent = a_queue(tree.reseller, name="Down", is_default=False)
    template = TicketTemplate.objects.create(
        organisation=tree.reseller, name="It is down", subject="Down", body="Since when?",
        priority=Priority.URGENT, queue=urgent,
    )  # fmt: skip
    foreign = TicketTemplate.objects.create(
        organisation=tree.other_reseller, name="Foreign", subject="Theirs"
    )
    owner = a_client(a_member(tree.customer, Role.OWNER))

    page = owner.get(f"/tickets/new?template={template.reference}").content.decode()
    assert 'value="Down"' in page
    assert "Foreign" not in page
    for name in (template.reference, foreign.reference):
        asked = {"key": f"K-0000000{name[2]}", "subject": "Down", "body": "Noon.", "template": name}
        owner.post("/tickets/new", asked)

    first = Ticket.objects.order_by("pk")[0]
    assert (first.priority, first.queue) == (Priority.URGENT, urgent)
    assert Ticket.objects.filter(queue=urgent).count() == 1


def test_a_file_is_a_download_for_who_reads_its_message(tree: Tree) -> None:
    ticket = a_ticket(tree)
    files = [File('x".html', "text/html", b"<script>alert(1)</script>")]
    services.reply(ticket, "See.", at=NOON, by="ann", files=files)
    services.reply(ticket, "Note.", at=NOON, by="bob", is_staff=True, is_internal=True, files=files)
    seen, internal = MessageFile.objects.order_by("pk")
    owner = a_client(a_member(tree.customer, Role.READ_ONLY))
    stranger = a_client(a_member(tree.sibling, Role.OWNER))

    answer = owner.get(f"/tickets/file/{seen.reference}")
    assert answer.content == b"<script>alert(1)</script>"
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Disposition"].startswith("attachment; ")
    assert owner.get(f"/tickets/file/{internal.reference}").status_code == 404
    assert stranger.get(f"/tickets/file/{seen.reference}").status_code == 404
    bob = a_client(a_member(tree.reseller, Role.SUPPORT))
    assert bob.get(f"/tickets/file/{internal.reference}").status_code == 200


def test_the_audit_finds_a_ticket_that_goes_on_elsewhere(tree: Tree) -> None:
    ticket = a_ticket(tree)
    services.close(ticket, at=NOON, by="bob")
    assert children_belong_to_their_parent() == []
    other = services.open_ticket(tree.sibling, subject="x", body="y", at=NOON, by="eve")

    Ticket.objects.filter(pk=ticket.pk).update(merged_into=other)

    assert children_belong_to_their_parent() == [
        f"ticket merged into {other.reference} belongs to another organisation"
    ]
