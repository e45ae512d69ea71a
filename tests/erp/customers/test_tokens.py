"""API tokens: shown once, kept as a hash, never more than the member may do, gone when revoked."""

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from redis.exceptions import ConnectionError as NoRedis

from erp.base import rates
from erp.base.journal import JournalLine
from erp.catalogue.models import Plan, PriceList
from erp.contracts.models import Contract
from erp.customers import tokens
from erp.customers.models import ApiToken, Member, Organisation
from erp.customers.states import Right, Role
from tests.erp.builders import NOON, Tree, a_client, a_contract, a_member, a_plan, a_price_list

NOW = NOON + timedelta(days=1)


def a_token(user: User, *scopes: Right, days: int | None = None, name: str = "Machine") -> str:
    """A token of the user's only membership."""
    member = Member.objects.get(user=user)
    return tokens.make(member, name=name, scopes=scopes, days=days, at=NOON)[1]


def _service(tree: Tree, buyer: Organisation) -> Contract:
    plan = Plan.objects.first() or a_plan(tree.provider)
    if not PriceList.objects.exists():
        a_price_list(tree.reseller, plan)
    return a_contract(buyer, plan)


def call(text: str, path: str = "services", **more: Any) -> Any:
    headers = {"Authorization": f"Bearer {text}"}
    return Client().get(f"/api/v1/{path}", headers=headers, **more)


def stop(text: str, contract: Contract) -> Any:
    return Client(enforce_csrf_checks=True).post(
        f"/api/v1/services/{contract.reference}/suspend",
        {"why": "maintenance"},
        content_type="application/json",
        headers={"Authorization": f"Bearer {text}"},
    )


def test_a_token_sees_what_its_member_sees_and_nothing_else(tree: Tree) -> None:
    mine, other = _service(tree, tree.customer), _service(tree, tree.sibling)
    text = a_token(a_member(tree.customer, Role.OWNER))

    seen = [one["reference"] for one in call(text).json()["results"]]

    assert seen == [mine.reference]
    assert call(text, f"services/{other.reference}").status_code == 404


def test_a_token_permits_no_more_than_its_scopes(tree: Tree) -> None:
    contract = _service(tree, tree.customer)
    owner = a_member(tree.customer, Role.OWNER)
    weak = a_token(owner, Right.ORDER, name="weak")
    strong = a_token(owner, Right.MANAGE_SERVICES, name="strong")

    assert stop(weak, contract).status_code == 403
    contract.refresh_from_db()
    assert contract.state == "active"
    assert stop(strong, contract).status_code == 200
    contract.refresh_from_db()
    assert contract.state == "suspended"


def test_a_token_loses_what_its_member_loses(tree: Tree) -> None:
    contract = _service(tree, tree.customer)
    owner = a_member(tree.customer, Role.OWNER)
    text = a_token(owner, Right.MANAGE_SERVICES)
    Member.objects.filter(user=owner).update(role=Role.READ_ONLY)

    assert stop(text, contract).status_code == 403


def test_nobody_gives_a_token_more_than_they_may_do_themselves(tree: Tree) -> None:
    reader = a_member(tree.customer, Role.READ_ONLY)
    with pytest.raises(tokens.NotYours):
        a_token(reader, Right.ORDER)
    assert not ApiToken.objects.exists()


@pytest.mark.parametrize("why", ["unknown", "revoked", "expired", "left", "empty"])
def test_a_token_that_is_no_good_opens_nothing(tree: Tree, why: str) -> None:
    owner = a_member(tree.customer, Role.OWNER)
    text = a_token(owner)
    assert call(text).status_code == 200
    if why == "revoked":
        tokens.revoke(ApiToken.objects.get(), at=NOW, by="test")
    elif why == "expired":
        ApiToken.objects.update(expires_at=NOON + timedelta(seconds=1))
    elif why == "left":
        User.objects.filter(pk=owner.pk).update(is_active=False)
    shown = {"unknown": text[:-1] + "?", "empty": ""}.get(why, text)

    answer = call(shown)

    assert (answer.status_code, answer.headers["Content-Type"]) == (401, "application/problem+json")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="Tenantry"'
    assert "make another" in answer.json()["detail"]


def test_a_bad_token_is_no_session_even_with_one(tree: Tree) -> None:
    client = a_client(a_member(tree.customer, Role.OWNER))
    assert client.get("/api/v1/services").status_code == 200
    headers = {"Authorization": "Bearer tenantry_no_such"}
    assert client.get("/api/v1/services", headers=headers).status_code == 401


def test_a_token_opens_no_page(tree: Tree) -> None:
    text = a_token(a_member(tree.customer, Role.OWNER), *[Right.MANAGE_MEMBERS])
    path = f"/organisations/{tree.customer.reference}/tokens"
    answer = Client().get(path, headers={"Authorization": f"Bearer {text}"})
    assert (answer.status_code, answer.headers["Location"]) == (
        302,
        f"/accounts/login/?next={path}",
    )


def test_only_the_hash_is_kept_and_the_journal_names_the_token(tree: Tree) -> None:
    text = a_token(a_member(tree.customer, Role.OWNER), Right.ORDER)
    token = ApiToken.objects.get()
    tokens.revoke(token, at=NOW, by="somebody")
    tokens.revoke(token, at=NOW, by="somebody")

    assert text.startswith(f"tenantry_{token.reference[2:]}_")
    assert text not in str(list(ApiToken.objects.values()))
    lines = JournalLine.objects.filter(event__startswith="token_").order_by("position")
    assert [(line.event, line.why, line.details["token"]) for line in lines] == [
        ("token_made", "Machine", token.reference),
        ("token_revoked", "Machine", token.reference),
    ]
    assert lines[0].details["scopes"] == ["order", "see"]
    assert text not in str(list(lines.values()))


def test_the_same_name_is_not_given_twice_while_it_is_good(tree: Tree) -> None:
    owner = a_member(tree.customer, Role.OWNER)
    a_token(owner)
    with pytest.raises(tokens.NameTaken):
        a_token(owner)
    tokens.revoke(ApiToken.objects.get(), at=NOW, by="test")
    assert a_token(owner)


def test_an_organisation_has_only_so_many(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "MOST_LIVE", 1)
    owner = a_member(tree.customer, Role.OWNER)
    a_token(owner)
    with pytest.raises(tokens.TooManyTokens):
        a_token(owner, name="another")


def test_when_it_was_used_is_kept_to_the_minute(tree: Tree) -> None:
    text = a_token(a_member(tree.customer, Role.OWNER))
    for later, kept in ((0, 0), (60, 0), (61, 61)):
        tokens.recognise(text, at=NOW + timedelta(seconds=later))
        assert ApiToken.objects.get().last_used_at == NOW + timedelta(seconds=kept)


def test_a_token_that_calls_too_often_is_told_when_it_may_again(tree: Tree, settings: Any) -> None:
    settings.API_PER_MINUTE = 2
    owner = a_member(tree.customer, Role.OWNER)
    text, other = a_token(owner), a_token(owner, name="other")
    answers = [call(text) for _ in range(6)]
    # The minute may turn between two of them.
    held = [one for one in answers if one.status_code == 429]
    assert held
    assert held[0].json()["type"] == "urn:tenantry:throttled"
    assert held[0].headers["RateLimit-Remaining"] == "0"
    assert 0 < int(held[0].headers["Retry-After"]) <= 60
    assert held[0].headers["Retry-After"] == held[0].headers["RateLimit-Reset"]
    assert answers[0].headers["RateLimit-Limit"] == "2"
    assert answers[0].headers["RateLimit-Remaining"] == "1"
    assert call(other).status_code == 200


def test_without_redis_calls_go_on_uncounted(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any, **__: Any) -> int:
        raise NoRedis

    monkeypatch.setattr(rates._counts(), "incr", away)
    answer = call(a_token(a_member(tree.customer, Role.OWNER)))
    assert answer.status_code == 200
    assert "RateLimit-Limit" not in answer.headers


def test_a_call_with_a_token_has_one_statement_beside_its_own(
    tree: Tree, django_assert_num_queries: Any
) -> None:
    text = a_token(a_member(tree.customer, Role.OWNER))
    call(text)
    with django_assert_num_queries(2):
        assert call(text).status_code == 200


def test_repeating_an_order_with_a_token_costs_one_statement(
    tree: Tree, django_assert_num_queries: Any
) -> None:
    plan = a_plan(tree.provider)
    a_price_list(tree.reseller, plan)
    text = a_token(a_member(tree.customer, Role.OWNER), Right.ORDER)
    reader = a_token(a_member(tree.customer, Role.READ_ONLY))
    body = {
        "organisation": tree.customer.reference, "offer": plan.offer.reference, "plan": "small",
        "name": "Our site", "parameters": {"title": "Hi"},
    }  # fmt: skip

    def order(by: str, **changes: Any) -> Any:
        headers = {"Authorization": f"Bearer {by}", "Idempotency-Key": "wish 1"}
        facts, kind = body | changes, "application/json"
        return Client().post("/api/v1/orders", facts, content_type=kind, headers=headers)

    first = order(text)
    assert order(text).content == first.content
    with django_assert_num_queries(1):
        again = order(text)

    assert (first.status_code, again.status_code, again.content) == (201, 201, first.content)
    assert int(again.headers["RateLimit-Remaining"]) < settings.API_PER_MINUTE
    assert order(reader).status_code == 403
    for other in ({"name": "Another"}, {"plan": "large"}, {"offer": "P-00000000"}):
        refused = order(text, **other)
        assert (refused.status_code, refused.json()["type"]) == (409, "urn:tenantry:key_reused")


def test_a_repeat_is_answered_only_while_the_token_may_order(tree: Tree) -> None:
    plan = a_plan(tree.provider)
    a_price_list(tree.reseller, plan)
    owner = a_member(tree.customer, Role.OWNER)
    text = a_token(owner, Right.ORDER)
    body = {
        "organisation": tree.customer.reference, "offer": plan.offer.reference, "plan": "small",
        "name": "Our site",
    }  # fmt: skip

    def order() -> int:
        headers = {"Authorization": f"Bearer {text}", "Idempotency-Key": "wish 1"}
        kind = "application/json"
        return int(Client().post("/api/v1/orders", body, kind, headers=headers).status_code)

    assert (order(), order()) == (201, 201)
    owner.members.update(role=Role.READ_ONLY)
    assert order() == 403
    owner.members.update(role=Role.OWNER)
    assert order() == 201
    User.objects.filter(pk=owner.pk).update(is_active=False)
    assert order() == 401
    User.objects.filter(pk=owner.pk).update(is_active=True)
    tokens.revoke(ApiToken.objects.get(), at=NOW, by="test")
    assert order() == 401


def test_a_repeat_counts_against_the_limit(tree: Tree, settings: Any) -> None:
    settings.API_PER_MINUTE = 3
    text = a_token(a_member(tree.reseller, Role.RESELLER_MANAGER), Right.MANAGE_CUSTOMERS)
    headers = {"Authorization": f"Bearer {text}", "Idempotency-Key": "c1"}
    body = {
        "kind": "customer", "name": "New", "email": "n@mail.example",
        "parent": tree.reseller.reference,
    }  # fmt: skip

    statuses = [
        Client()
        .post("/api/v1/organisations", body, "application/json", headers=headers)
        .status_code
        for _ in range(8)
    ]

    assert set(statuses) == {201, 429}
    assert Organisation.objects.filter(name="New").count() == 1


def test_the_page_shows_a_new_token_once(tree: Tree) -> None:
    owner = a_member(tree.customer, Role.OWNER)
    client, path = a_client(owner), f"/organisations/{tree.customer.reference}/tokens"

    made = client.post(path, {"name": "Deploy", "days": "30", "scopes": ["order"]})

    token = ApiToken.objects.get()
    assert (token.scopes, token.member.user) == (["order", "see"], owner)
    assert token.expires_at == token.created_at + timedelta(days=30)
    shown = made.context["made"]
    assert shown in made.content.decode()
    assert "no-store" in made.headers["Cache-Control"]
    assert call(shown).status_code == 200
    again = client.post(path, {"name": "Deploy", "days": "30"})
    assert (again.status_code, "You have a token of this name" in again.content.decode()) == (
        422,
        True,
    )
    page = client.get(path).content.decode()
    assert "Deploy" in page
    assert shown not in page


def test_what_the_member_may_not_do_is_no_choice(tree: Tree) -> None:
    client = a_client(a_member(tree.customer, Role.READ_ONLY))
    path = f"/organisations/{tree.customer.reference}/tokens"
    refused = client.post(path, {"name": "Deploy", "days": "30", "scopes": ["order"]})
    assert refused.status_code == 422
    assert not ApiToken.objects.exists()


def test_who_manages_members_revokes_the_tokens_of_all_and_others_their_own(tree: Tree) -> None:
    technical = a_member(tree.customer, Role.TECHNICAL)
    text = a_token(technical)
    path = f"/organisations/{tree.customer.reference}/tokens"
    revoke = f"{path}/{ApiToken.objects.get().reference}/revoke"

    billing = a_client(a_member(tree.customer, Role.BILLING))
    assert billing.post(revoke).status_code == 404
    assert call(text).status_code == 200
    owner = a_client(a_member(tree.customer, Role.OWNER))
    assert owner.post(revoke).status_code == 302
    assert call(text).status_code == 401


def test_who_is_a_member_above_sees_the_page_and_makes_none_there(tree: Tree) -> None:
    seller = a_client(a_member(tree.reseller, Role.RESELLER_MANAGER))
    path = f"/organisations/{tree.customer.reference}/tokens"
    assert seller.get(path).status_code == 200
    assert seller.post(path, {"name": "Deploy", "days": "30"}).status_code == 403
    assert not ApiToken.objects.exists()


def test_the_limit_can_be_set() -> None:
    assert settings.API_PER_MINUTE == 600
