"""The two documents are what their schemas say: the real ones, as they are made."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from orchestration.convergence import documents, observed
from orchestration.node_agent.node import Node
from orchestration.nodes.document import stored
from orchestration.nodes.models import ComputeNode
from tests.agent.home import a_home
from tests.orchestration.builders import NOON, a_node
from tests.orchestration.convergence.placed import an_instance_on

ROOT = Path(__file__).resolve().parents[3]
SCHEMAS = ROOT / "orchestration" / "convergence" / "schemas"
DOCUMENTATION = ROOT / "docs" / "node-documents.md"


def validator(name: str) -> jsonschema.Draft202012Validator:
    schema = json.loads((SCHEMAS / f"{name}.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def faults(name: str, document: Any) -> list[str]:
    found = validator(name).iter_errors(document)
    return [f"{fault.json_path}: {fault.message}" for fault in found]


@pytest.fixture
def desired(db: None) -> dict[str, Any]:
    """The document of a node with one instance and one free partition."""
    node = a_node()
    an_instance_on(node)
    documents.recompute(node.pk, at=NOON)
    told = stored(ComputeNode.objects.get(pk=node.pk))
    assert told is not None
    return dict(told)


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    return Node(a_home(tmp_path), "v")  # type: ignore[no-untyped-call]


def test_the_desired_document_is_as_its_schema_says(desired: dict[str, Any]) -> None:
    assert faults("desired", desired) == []
    assert [slot["instance"] is None for slot in desired["partitions"]] == [False, True]


def test_a_fresh_agents_report_is_as_its_schema_says(agent: Any) -> None:
    assert faults("report", agent.report()) == []


def test_a_report_with_everything_in_it_is_as_its_schema_says(
    agent: Any, desired: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    agent.accept(dict(desired, node="N-1"), 4)
    monkeypatch.setattr(agent.processes, "ensure", lambda: True)
    monkeypatch.setattr(agent.processes, "states", dict)
    agent.converge()
    agent.measure()
    agent.meters.since -= 1000
    agent.partitions["p0"].results = [{"name": "it answers", "ok": True, "message": "in 3 ms"}]
    agent.partitions["p0"].connection = {"url": "http://127.0.0.1:21000/"}
    agent.measure()
    report = agent.report()
    assert [one["state"] for one in report["partitions"]] == ["building", "empty"]
    assert {sample["meter"] for sample in report["samples"]} == {
        "cpu_seconds",
        "memory_gib_hours",
        "disk_gib_hours",
    }
    assert [event["kind"] for event in report["events"]] == ["restart"]
    assert faults("report", report) == []
    parsed = observed.parse(report, node="N-1")
    assert len(parsed.samples) == 3


def test_what_the_schema_forbids_the_master_refuses_too(agent: Any) -> None:
    odd = dict(agent.report(), format="tenantry.report/9")
    assert faults("report", odd) == ["$.format: 'tenantry.report/1' was expected"]
    with pytest.raises(observed.BadReport):
        observed.parse(odd, node="N-1")


def test_the_examples_in_the_documentation_are_valid() -> None:
    blocks = re.findall(r"```json\n(.*?)```", DOCUMENTATION.read_text(), re.DOTALL)
    whole = [json.loads(block) for block in blocks if '"format"' in block]
    kinds = [one["format"].split(".")[1].split("/")[0] for one in whole]
    assert kinds == ["desired", "report"]
    for kind, one in zip(kinds, whole, strict=True):
        assert faults(kind, one) == []


@pytest.mark.parametrize("name", ["desired", "report"])
def test_every_field_is_explained(name: str) -> None:
    text = DOCUMENTATION.read_text()
    missing = [field for field in fields(validator(name).schema) if f"`{field}`" not in text]
    assert missing == []


def fields(schema: Any) -> list[str]:
    """Return the names of all properties, however deep."""
    found: list[str] = []
    if isinstance(schema, dict):
        for key, value in schema.items():
            if key == "properties":
                found += list(value)
            found += fields(value)
    elif isinstance(schema, list):
        for one in schema:
            found += fields(one)
    return found
