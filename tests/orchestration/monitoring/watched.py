"""A running instance, and what its node says of it."""

from datetime import datetime, timedelta
from typing import Any

from orchestration.instances.models import Instance
from orchestration.monitoring.services import Sighting, observe
from orchestration.nodes.models import ComputeNode
from tests.orchestration.builders import NOON, a_node
from tests.orchestration.convergence.placed import an_instance_on

ANSWERS = "the page answers"


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def a_running_instance(node: ComputeNode | None = None, **columns: Any) -> Instance:
    instance = an_instance_on(node or a_node(), state="started")
    facts = {"first_started_at": NOON} | columns
    Instance.objects.filter(pk=instance.pk).update(**facts)
    return Instance.objects.get(pk=instance.pk)


def kept(name: str = ANSWERS) -> dict[str, Any]:
    return {"name": name, "ok": True, "message": "answered 200"}


def broken(name: str = ANSWERS, message: str = "answered 500") -> dict[str, Any]:
    return {"name": name, "ok": False, "message": message}


def see(
    instance: Instance, *promises: dict[str, Any], at: datetime, state: str = "", reason: str = ""
) -> None:
    """Let the node say this of the instance; what fails makes it failed, as the agent does."""
    fails = any(not one["ok"] for one in promises)
    found = state or ("failed" if fails else "started")
    place = {"partition": None} if found == "wiped" else {}
    Instance.objects.filter(pk=instance.pk).update(state=found, **place)
    observe([Sighting(Instance.objects.get(pk=instance.pk), reason, promises)], at=at)
