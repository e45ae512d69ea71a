"""Answers are kept for repeats: once for two at once, and forgotten after a month."""

from datetime import timedelta
from threading import Thread
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client

from erp.base import scope
from erp.base.doors import now
from erp.customers import replies
from erp.customers.models import ApiReply, Organisation
from erp.customers.states import Role
from erp.customers.tasks import sweep_replies
from tests.erp.builders import a_member, a_tree


@pytest.mark.django_db(transaction=True)
def test_two_calls_with_one_key_at_once_make_one_thing() -> None:
    tree = a_tree()
    manager = a_member(tree.reseller, Role.RESELLER_MANAGER)
    answers: list[Any] = []
    body = {
        "kind": "customer", "name": "New", "email": "n@mail.example",
        "parent": tree.reseller.reference,
    }  # fmt: skip

    def ask() -> None:
        client, kind = Client(), "application/json"
        client.force_login(manager)
        headers = {"Idempotency-Key": "one"}
        answers.append(client.post("/api/v1/organisations", body, kind, headers=headers))
        connection.close()

    threads = [Thread(target=ask) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(60)

    assert {one.status_code for one in answers} == {201}
    assert len({one.content for one in answers}) == 1
    with scope.everything("a test"):
        assert Organisation.objects.filter(name="New").count() == 1


def test_old_answers_are_forgotten(db: None) -> None:
    member = a_member(a_tree().customer, Role.OWNER).members.get()
    for key, days in (("old", 31), ("young", 29)):
        ApiReply.objects.create(
            organisation=member.organisation, member=member, key=key, request_hash="h", rights=[],
            status=201, body="{}", created_at=now() - timedelta(days=days),
        )  # fmt: skip

    sweep_replies()
    sweep_replies()

    assert [one.key for one in ApiReply.objects.all()] == ["young"]
    with time_machine.travel(now() + timedelta(days=2)):
        replies.prune(at=now())
    assert not ApiReply.objects.exists()
