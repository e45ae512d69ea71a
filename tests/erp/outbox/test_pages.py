"""Pages of mails and webhooks, without JavaScript."""

import re

import pytest
from django.test import Client
from django.urls import reverse

from erp.customers.models import Member
from erp.customers.states import Role
from erp.outbox import services, webhooks
from erp.outbox.models import Delivery, Endpoint, Mail
from erp.outbox.services import Letter, recipients
from erp.outbox.states import State, Topic
from tests.browser import Visit, axe, overflows, screenshot
from tests.erp.builders import NOON, Tree, a_client, a_member


def posted(tree: Tree, count: int = 1) -> None:
    for number in range(count):
        letter = Letter(f"k{number}", Topic.INCIDENTS, "incident_opened", {"body": "Down."})
        services.post(tree.customer, letter, at=NOON)


def an_endpoint(tree: Tree) -> Endpoint:
    return webhooks.add(
        tree.customer, url="https://a.example/hook", events=["ticket.opened"], at=NOON, by="ann"
    )


def test_the_log_pages_by_key_with_a_steady_number_of_queries(
    tree: Tree, django_assert_max_num_queries: type
) -> None:
    posted(tree, 60)
    client = a_client(a_member(tree.reseller, Role.SUPPORT))
    with django_assert_max_num_queries(8):
        first = client.get("/mails/").content.decode()
    assert first.count('<th scope="row">') == 50
    link = re.search(r'rel="next" href="([^"]+)"', first)
    assert link is not None

    second = client.get("/mails/" + link[1].replace("&amp;", "&")).content.decode()
    assert second.count('<th scope="row">') == 10
    Mail.objects.filter(key="k0").update(state=State.GIVEN_UP)
    only = client.get(f"/mails/?state=given_up&organisation={tree.customer.reference}")
    assert only.content.decode().count('<th scope="row">') == 1


def test_staff_sends_a_given_up_mail_again(tree: Tree) -> None:
    posted(tree)
    Mail.objects.update(state=State.GIVEN_UP, state_reason="No such user.", attempts=1)
    client, mail = a_client(a_member(tree.reseller, Role.SUPPORT)), Mail.objects.get()
    page = client.get(f"/mails/{mail.reference}").content.decode()
    assert "Send again" in page
    assert "Down." in page
    assert "/mails/leave" not in page

    client.post(f"/mails/{mail.reference}/again")
    assert client.post(f"/mails/{mail.reference}/again").status_code == 409

    mail.refresh_from_db()
    assert (mail.state, mail.attempts) == (State.WAITING, 0)


def test_a_member_chooses_what_to_get(tree: Tree) -> None:
    user = a_member(tree.customer, Role.TECHNICAL)
    client, member = a_client(user), Member.objects.get(user=user)
    page = client.get("/mails/preferences").content.decode()
    assert re.search(rf'name="m{member.pk}-incidents"[^>]*checked', page)

    client.post("/mails/preferences", {f"m{member.pk}-invoices": "on"})

    assert user.email not in recipients(tree.customer, Topic.INCIDENTS)
    assert user.email in recipients(tree.customer, Topic.INVOICES)


def test_the_link_in_a_mail_leaves_a_topic_without_signing_in(tree: Tree) -> None:
    user = a_member(tree.customer, Role.OWNER)
    posted(tree)
    link = Mail.objects.get().headers["List-Unsubscribe"].strip("<>")
    path = link.removeprefix("http://127.0.0.1:8000")
    assert link in Mail.objects.get().text
    # Mail programs post without a form, and look at links by themselves.
    strict = Client(enforce_csrf_checks=True)

    assert "Unsubscribe" in strict.get(path).content.decode()
    assert user.email in recipients(tree.customer, Topic.INCIDENTS)
    assert strict.post(path, {"List-Unsubscribe": "One-Click"}).status_code == 200
    assert strict.post(path).status_code == 200

    assert recipients(tree.customer, Topic.INCIDENTS) == {}
    assert user.email in recipients(tree.customer, Topic.TICKETS)


@pytest.mark.parametrize("token", ["", "x", "WzEsImluY2lkZW50cyJd:1abc:forged"])
def test_a_forged_link_leaves_nothing(tree: Tree, token: str) -> None:
    answer = Client().post(f"/mails/leave?token={token}")

    assert answer.status_code == 404
    assert "not complete" in answer.content.decode()


def test_an_owner_adds_tests_and_rotates(tree: Tree) -> None:
    client = a_client(a_member(tree.customer, Role.OWNER))
    own = f"/webhooks/of/{tree.customer.reference}"
    refused = client.post(own, {"url": "http://10.0.0.1/", "events": ["ticket.opened"]})
    assert refused.status_code == 422
    assert "must begin with https://" in refused.content.decode()

    client.post(own, {"url": "https://a.example/hook", "events": ["ticket.opened"]})
    endpoint = Endpoint.objects.get()
    page = client.get(f"/webhooks/{endpoint.reference}").content.decode()
    key = re.search(r'name="key" value="(K-[0-9A-Z]{8})"', page)
    assert key is not None
    assert "whsec_" not in page
    for _ in range(2):
        client.post(f"/webhooks/{endpoint.reference}/test", {"key": key[1]})
    assert Delivery.objects.get().event == "endpoint.test"

    before = client.post(f"/webhooks/{endpoint.reference}/secret")
    assert before.headers["Cache-Control"] == "no-store"
    client.post(f"/webhooks/{endpoint.reference}/rotate")
    after = client.post(f"/webhooks/{endpoint.reference}/secret", headers={"HX-Request": "true"})
    secrets = [re.findall(r"whsec_[\w+/=]+", one.content.decode())[0] for one in (before, after)]
    assert secrets[0] != secrets[1]


def test_an_owner_replays_and_switches(tree: Tree) -> None:
    client, endpoint = a_client(a_member(tree.customer, Role.OWNER)), an_endpoint(tree)
    webhooks.send_test(endpoint, key="K", at=NOON)
    delivery = Delivery.objects.get()
    replay = reverse("webhooks:replay", args=[delivery.webhook_id])
    assert client.post(replay).status_code == 409
    Delivery.objects.update(state=State.GIVEN_UP)
    assert client.post(replay).status_code == 302
    for action, state in (("disable", "disabled"), ("enable", "active"), ("retire", "retired")):
        client.post(f"/webhooks/{endpoint.reference}/act/{action}")
        assert Endpoint.objects.get().state == state
    assert client.post(f"/webhooks/{endpoint.reference}/act/explode").status_code == 404


@pytest.mark.parametrize("role", [Role.TECHNICAL, Role.BILLING, Role.READ_ONLY])
def test_who_does_not_head_the_organisation_sees_no_webhooks(tree: Tree, role: Role) -> None:
    endpoint, client = an_endpoint(tree), a_client(a_member(tree.customer, role))

    assert client.get(f"/webhooks/{endpoint.reference}").status_code == 403
    assert client.post(f"/webhooks/{endpoint.reference}/secret").status_code == 403


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 390)])
def test_the_pages_are_sound(tree: Tree, visit: Visit, theme: str, width: int) -> None:
    user = a_member(tree.customer, Role.OWNER)
    posted(tree, 3)
    endpoint = an_endpoint(tree)
    webhooks.send_test(endpoint, key="K", at=NOON)
    Delivery.objects.update(
        state=State.FAILED, attempts=1, state_reason="It answered 500 and not 2xx."
    )
    Endpoint.objects.update(failing_since=NOON)
    mail = Mail.objects.first()
    assert mail is not None
    pages = {
        "mails": "/mails/",
        "mail": f"/mails/{mail.reference}",
        "preferences": "/mails/preferences",
        "webhooks": f"/webhooks/of/{tree.customer.reference}",
        "webhook": f"/webhooks/{endpoint.reference}",
    }
    for name, path in pages.items():
        page = visit(path, theme=theme, width=width, user=user)
        assert axe(page) == [], name
        assert not overflows(page), name
        screenshot(page, f"outbox-{name}-{width}")
