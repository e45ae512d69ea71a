"""Secrets are in no row of any table, in no line of a log, and in no task that is sent."""

import logging
from typing import Any

import pytest

from erp.base.secret_parameters import sealed
from orchestration.convergence import documents, intake, lease
from orchestration.convergence.observed import parse
from orchestration.instances import services as instances
from orchestration.instances.models import Instance
from orchestration.nodes.document import stored
from orchestration.nodes.models import NodeLease
from tests.erp.orders.test_secret_parameters import whole_database
from tests.orchestration.builders import NOON, a_line, a_node
from tests.orchestration.convergence.reports import a_partition, a_report
from tests.orchestration.instances.trees import profiled

pytestmark = pytest.mark.django_db
CANARY = "canary-8ZQ"


def test_no_canary_gets_out(monkeypatch: pytest.MonkeyPatch, caplog: Any, capsys: Any) -> None:
    caplog.set_level(logging.DEBUG)
    sent: list[str] = []
    monkeypatch.setattr(
        "config.nudges.current_app.send_task", lambda *words, **more: sent.append(f"{words}{more}")
    )
    monkeypatch.setattr("secrets.token_urlsafe", lambda size: f"{CANARY}-password")
    rule = {"type": "string", "writeOnly": True}
    schema = {"type": "object", "properties": {"key": rule}}
    profiled("static-site", {"default": {"parameters": schema}})
    given = {"key": f"{CANARY}-parameter"}
    line = a_line(parameters=sealed(given, schema, product="static-site", before={}))
    instances.follow_contract(line.contract, at=NOON)
    node = a_node()
    NodeLease.objects.create(organisation=node.organisation, node=node)
    place = node.partitions.get(name="p0")
    Instance.objects.update(state="placed", partition=place, node=node)
    lease.claim(node.pk, owner="me", at=NOON)
    documents.recompute(node.pk, at=NOON)
    node.refresh_from_db()
    told = stored(node)
    assert str(told).count(CANARY) == 2, "the node itself needs them"
    url = {"url": f"https://me:{CANARY}-url@site/"}
    found = a_partition(instance_uid=Instance.objects.get().reference, connection=url)
    report = parse(
        a_report(node=node.reference, releases=[], partitions=[found]), node=node.reference
    )
    intake.take(node, report, fence=1, at=NOON)
    instance = Instance.objects.get()
    assert instances.connection_of(instance) == url
    assert instance.state == "started"
    assert CANARY not in whole_database()
    assert CANARY not in caplog.text
    assert CANARY not in str(capsys.readouterr())
    assert CANARY not in "".join(sent)
