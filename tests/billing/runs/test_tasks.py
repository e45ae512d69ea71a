"""Workers make and issue the drafts of a run; whatever arrives twice or at once changes nothing."""

import threading
from collections.abc import Callable

import pytest
from django.db import connection

from billing.audit import LAWS
from billing.invoicing.models import Invoice
from billing.ledger.models import Entry
from billing.runs import services, tasks
from billing.runs.models import BillingRun, RunItem
from erp.base import scope
from erp.contracts.models import ContractLine
from tests.billing.builders import NOVEMBER, OPENED, FakeUsage, a_contract, a_customer, a_provider

PRICES = (("recurring", "", "30", "0"),)


def some_contracts(usage: FakeUsage, count: int) -> list[ContractLine]:
    lines = [a_contract(a_customer(f"Customer {number}")) for number in range(count)]
    for line in lines:
        usage.exists(line, NOVEMBER.start, NOVEMBER.end)
    return lines


def an_open_run() -> BillingRun:
    return services.open_run(a_provider(), NOVEMBER, cut_off=OPENED, at=OPENED, by="anna")


@pytest.fixture
def december(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tasks' clock: the morning on which the run was opened."""
    monkeypatch.setattr("billing.runs.tasks.now", lambda: OPENED)


@pytest.mark.django_db
def test_a_run_is_worked_through_once(usage: FakeUsage, december: None) -> None:
    some_contracts(usage, 3)
    run = an_open_run()
    assert not RunItem.objects.exists()
    tasks.work_through(run=run.pk)
    tasks.work_through(run=run.pk)
    run.refresh_from_db()
    assert run.finished_at == OPENED
    assert Invoice.objects.count() == RunItem.objects.count() == 3


@pytest.mark.django_db
def test_drafts_are_issued_once_and_only_when_asked(usage: FakeUsage, december: None) -> None:
    some_contracts(usage, 2)
    run = an_open_run()
    with pytest.raises(services.NotFinished):
        services.ask_to_issue(run, at=OPENED, by="anna")
    tasks.work_through(run=run.pk)
    tasks.issue_run(run=run.pk)
    assert not Invoice.objects.exclude(number="").exists()
    services.ask_to_issue(run, at=OPENED, by="anna")
    tasks.issue_run(run=run.pk)
    tasks.issue_run(run=run.pk)
    numbers = sorted(Invoice.objects.values_list("number", flat=True))
    assert numbers == ["F-2026-0001", "F-2026-0002"]
    assert Entry.objects.count() == 2
    run.refresh_from_db()
    assert run.issue_ended_at == OPENED


@pytest.mark.django_db
def test_the_sweep_finds_what_was_left(
    usage: FakeUsage, december: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("work_through", "issue_run"):
        task: Callable[..., None] = getattr(tasks, name)
        monkeypatch.setattr(task, "delay", task)
    some_contracts(usage, 1)
    run = an_open_run()
    tasks.sweep_runs()
    services.ask_to_issue(run, at=OPENED, by="anna")
    tasks.sweep_runs()
    tasks.sweep_runs()
    assert Invoice.objects.get().number == "F-2026-0001"


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_make_one_invoice_per_contract(usage: FakeUsage) -> None:
    some_contracts(usage, 6)
    run = an_open_run()
    _twice_at_once(lambda: services.work_through(run, at=OPENED, by="anna"))
    assert Invoice.objects.count() == RunItem.objects.filter(outcome="drafted").count() == 6
    services.ask_to_issue(run, at=OPENED, by="anna")
    _twice_at_once(lambda: services.issue_all(run, at=OPENED, by="anna"))
    numbers = sorted(Invoice.objects.values_list("number", flat=True))
    assert numbers == [f"F-2026-000{number}" for number in range(1, 7)]
    assert {law: found for law, check in LAWS.items() if (found := check())} == {}


def _twice_at_once(work: Callable[[], object]) -> None:
    ready, faults = threading.Barrier(2), []

    def worker() -> None:
        try:
            with scope.everything("a worker of the test"):
                ready.wait(10)
                work()
        except Exception as error:
            faults.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=worker) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert faults == []


@pytest.mark.django_db
def test_a_parked_contract_is_taken_again(usage: FakeUsage, december: None) -> None:
    line = a_contract(prices=(("metered", "cpu_hours", "0.05", "0"),))
    usage.exists(line, NOVEMBER.start, NOVEMBER.end)
    run = an_open_run()
    tasks.work_through(run=run.pk)
    item = RunItem.objects.get()
    assert item.outcome == "parked"
    usage.sample(line, "2", ends_at=NOVEMBER.start.replace(day=2))
    again = services.retry(item, at=OPENED, by="anna")
    assert (again.outcome, Invoice.objects.get().net_minor) == ("drafted", 10)
    assert services.retry(again, at=OPENED, by="anna") == again
