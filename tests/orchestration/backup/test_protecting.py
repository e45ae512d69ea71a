"""What was agreed is kept: a store far enough away, its own key, and somebody told when late."""

from datetime import timedelta
from typing import Any

import pytest

from erp.contracts.services import set_backup
from erp.tickets.models import Ticket
from orchestration.backup import alarms, services, tasks
from orchestration.backup.models import BackupRepository, Protection
from orchestration.backup.secrets import password_of, target_of
from orchestration.convergence import documents
from orchestration.nodes.document import stored
from orchestration.nodes.models import ComputeNode
from tests.orchestration.backup.saved import (
    HOURLY,
    a_machine,
    a_snapshot,
    an_instance,
    saved_instance,
)
from tests.orchestration.builders import NOON

pytestmark = pytest.mark.django_db


def told(node: ComputeNode | None) -> dict[str, Any]:
    assert node is not None
    documents.recompute(node.pk, at=NOON)
    document = stored(ComputeNode.objects.get(pk=node.pk))
    assert document is not None
    return dict(document)


def test_a_sweep_protects_once() -> None:
    a_machine("first")
    instance = an_instance()
    a_machine("second")
    tasks.sweep_backups()
    tasks.sweep_backups()
    repository = BackupRepository.objects.select_related("store").get()
    assert repository.store.name == "second"
    row = Protection.objects.get()
    assert (row.instance, row.repository, row.failure) == (instance, repository, "")


def test_only_who_needs_it_gets_the_key_and_the_store_no_password() -> None:
    instance = saved_instance()
    repository = BackupRepository.objects.select_related("store").get()
    target = target_of(repository)
    (slot,) = [one for one in told(instance.node)["partitions"] if one["instance"]]
    assert slot["instance"]["backup"] == target | {"every_seconds": 3600, "asked": 0}
    kept = told(repository.store)
    assert kept["store"]["repositories"] == [
        {
            "repository": repository.reference,
            "instance_uid": instance.reference,
            "public_key": repository.public_key,
            "most_bytes": 100 * 1024**3,
        }
    ]
    assert password_of(repository) not in str(kept)
    assert target["key"] not in str(told(ComputeNode.objects.get(name="third")))

    # To tidy, the store needs the password; afterwards it has it no more.
    services.tend(repository.pk, part="1/28", at=NOON)
    services.tend(repository.pk, part="2/28", at=NOON)
    (one,) = told(repository.store)["store"]["repositories"]
    assert one["tend"]["password"] == password_of(repository)
    assert (one["tend"]["number"], one["tend"]["check"]) == (1, "1/28")
    BackupRepository.objects.update(tended=1)
    services.touch(repository.store_id)
    assert password_of(repository) not in str(told(repository.store))


@pytest.mark.parametrize(
    ("where", "columns", "why"),
    [
        ("region", {}, "it is not in another region"),
        ("network", {"network": "n1"}, "it is not in another network"),
        ("node", {"state": "unreachable"}, "no node keeps backups"),
        ("node", {"keeps_backups": False}, "no node keeps backups"),
        ("node", {"is_privileged": False}, "no node keeps backups"),
    ],
)
def test_a_store_that_is_not_far_enough_or_cannot_is_not_taken(
    where: str, columns: dict[str, Any], why: str
) -> None:
    a_machine("first", network="n1", keeps_backups=False)
    instance = an_instance(HOURLY | {"where": where})
    a_machine("second", **columns)
    assert not services.protect(instance.line_id, at=NOON)
    assert why in Protection.objects.get().failure
    assert not BackupRepository.objects.exists()


def test_data_that_may_not_leave_a_country_are_not_saved_outside() -> None:
    a_machine("first", country="FR")
    instance = an_instance(countries=["FR"])
    a_machine("second", country="US")
    assert not services.protect(instance.line_id, at=NOON)
    assert "the data may not go to US" in Protection.objects.get().failure


def test_a_backup_that_is_missed_twice_is_told_once_and_closed_when_it_came() -> None:
    instance = saved_instance()
    in_time, late = NOON + timedelta(hours=2), NOON + timedelta(hours=2, minutes=11)
    alarms.tell(at=in_time)
    assert not Ticket.objects.exists()
    Protection.objects.update(failure="the store does not answer")
    alarms.tell(at=late)
    alarms.tell(at=late)
    ticket = Ticket.objects.get(cause=f"backup:{instance.reference}")
    assert ticket.organisation == instance.organisation
    assert "the store does not answer" in ticket.messages.get().body
    a_snapshot(instance, at=late)
    alarms.tell(at=late)
    ticket.refresh_from_db()
    assert ticket.state == "closed"


def test_another_policy_is_agreed_in_words_and_a_wrong_one_is_refused() -> None:
    instance = saved_instance()
    with pytest.raises(Exception, match="every_minutes cannot be so"):
        set_backup(instance.line, {"every_minutes": 1}, at=NOON, by="test")
    set_backup(instance.line, {}, at=NOON, by="test")
    services.touch(instance.node_id)
    (slot,) = [one for one in told(instance.node)["partitions"] if one["instance"]]
    assert "backup" not in slot["instance"]


def test_a_repository_goes_with_its_contract() -> None:
    instance = saved_instance()
    repository = BackupRepository.objects.get()
    contract = instance.line.contract
    type(contract).objects.filter(pk=contract.pk).update(state="ended")
    type(instance).objects.filter(pk=instance.pk).update(state="wiped", partition=None)
    tasks.sweep_backups()
    tasks.sweep_backups()
    repository.refresh_from_db()
    assert repository.state == "gone"
    store = ComputeNode.objects.get(pk=repository.store_id)
    kept = told(store)["store"]
    assert (kept["repositories"], kept["gone"]) == ([], [repository.reference])
