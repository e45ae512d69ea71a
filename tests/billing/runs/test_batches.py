"""Many contracts at once make what one by one would, also by workers that are killed."""

import os
import random
import signal
import traceback
from collections.abc import Callable

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing.invoicing.models import Invoice
from billing.runs import services as runs
from billing.runs.models import BillingRun
from config.audit import violations
from erp.customers.models import Organisation
from tests.billing.builders import FakeUsage
from tests.billing.runs import months

KILLS = 20
# A batch is some thirty statements: a worker dies within its first, or two or three later.
MOST_STATEMENTS = 90
_kept: list[object] = []


def statements(usage: FakeUsage, name: str, rounds: int) -> tuple[int, int]:
    """Return how many statements the drafts of a seller took, and their issue."""
    run = months.opened(months.a_seller(usage, name, rounds=rounds))
    moment = run.opened_at
    with CaptureQueriesContext(connection) as drafting:
        runs.work_through(run, at=moment, by="anna")
    runs.ask_to_issue(run, at=moment, by="anna")
    with CaptureQueriesContext(connection) as issuing:
        runs.issue_all(run, at=moment, by="anna")
    assert months.is_closed(run)
    return len(drafting), len(issuing)


@pytest.mark.django_db
def test_many_contracts_cost_as_many_statements_as_some(usage: FakeUsage) -> None:
    assert statements(usage, "Few", 2) == statements(usage, "Many", 3)


@pytest.mark.django_db
def test_a_batch_makes_to_the_byte_what_one_by_one_makes(
    usage: FakeUsage, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = months.a_seller(usage, "Together")
    months.close(months.opened(together))
    monkeypatch.setattr(runs, "BATCH", 1)
    alone = months.a_seller(usage, "Alone")
    months.close(months.opened(alone))
    found = months.left(together)
    assert months.left(alone) == found
    for word in (b"parked", b"corrects F-2026-", b"Reverse charge", b"F-2026-0010", b"F-2027-0007"):
        assert word in found, word


def worker(work: Callable[[], object], *, dies_at: int | None = None) -> tuple[int, int]:
    """Start a process with a session of its own; return it and the key of its session.

    Args:
        dies_at: the statement before which it is killed without a word.
    """
    reading, writing = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writing)
        with os.fdopen(reading) as told:
            return pid, int(told.readline() or 0)
    code = 1
    try:
        # The parent's session is not ours: it is neither used nor closed.
        _kept.append(connection.connection)
        connection.connection = None
        count = 0

        def counted(execute: Callable[..., object], *args: object) -> object:
            nonlocal count
            count += 1
            if count == dies_at:
                os.kill(os.getpid(), signal.SIGKILL)
            return execute(*args)

        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            os.write(writing, f"{cursor.fetchone()[0]}\n".encode())
        os.close(writing)
        with connection.execute_wrapper(counted):
            work()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def ended(*workers: tuple[int, int]) -> list[int]:
    """Wait for processes and for their sessions; return how each ended."""
    codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid, _ in workers]
    with connection.cursor() as cursor:
        for _, session in workers:
            for _ in range(1000):
                cursor.execute("SELECT FROM pg_stat_activity WHERE pid = %s", [session])
                if not cursor.fetchone():
                    break
                cursor.execute("SELECT pg_sleep(0.01)")
            else:
                pytest.fail("a session outlived its process by ten seconds")
    return codes


def two_sellers(usage: FakeUsage) -> tuple[Organisation, BillingRun]:
    """Return a seller whose month was closed in peace, and the open run of another like it."""
    calm = months.a_seller(usage, "Calm")
    months.close(months.opened(calm))
    return calm, months.opened(months.a_seller(usage, "Wild"))


@pytest.mark.django_db(transaction=True)
def test_a_run_that_is_killed_twenty_times_ends_the_same_to_the_byte(
    usage: FakeUsage, monkeypatch: pytest.MonkeyPatch
) -> None:
    calm, run = two_sellers(usage)
    monkeypatch.setattr(runs, "BATCH", 2)
    chance = random.Random(7)
    codes = []
    for _ in range(KILLS):
        moment = chance.randint(1, MOST_STATEMENTS)
        codes += ended(worker(lambda: months.close(run), dies_at=moment))
    assert set(codes) <= {0, -signal.SIGKILL}
    assert codes.count(-signal.SIGKILL) >= KILLS // 2
    assert ended(worker(lambda: months.close(run))) == [0]
    assert months.is_closed(run)
    assert months.left(run.organisation) == months.left(calm)
    assert {law: found for law, found in violations().items() if found} == {}


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_and_one_that_dies_bill_each_contract_once(
    usage: FakeUsage, monkeypatch: pytest.MonkeyPatch
) -> None:
    calm, run = two_sellers(usage)
    monkeypatch.setattr(runs, "BATCH", 2)
    work = [worker(lambda: months.close(run), dies_at=at) for at in (20, None, None)]
    assert sorted(ended(*work)) == [-signal.SIGKILL, 0, 0]
    for _ in range(2):  # What the dead one held was skipped; the sweep comes again.
        months.close(run)
    assert months.is_closed(run)

    def amounts(seller: Organisation) -> list[tuple[str, int]]:
        found = Invoice.objects.filter(issuer=seller).order_by("contract", "period_start_at")
        return [(one.state, one.total_minor) for one in found]

    def numbers(seller: Organisation) -> list[str]:
        found = Invoice.objects.filter(issuer=seller)
        return sorted(found.values_list("number", flat=True))

    assert numbers(run.organisation) == numbers(calm)
    assert amounts(run.organisation) == amounts(calm)
    assert {law: found for law, found in violations().items() if found} == {}
