"""Workers that find the same work at the same moment do it once."""

from collections.abc import Callable
from datetime import datetime
from threading import Barrier

import pytest
from django.db import connection

from erp.base import scope
from erp.tickets.models import Message, Ticket
from orchestration.instances import services as instances
from orchestration.instances.models import Instance
from orchestration.monitoring import services
from tests.orchestration.builders import NOON, a_line
from tests.orchestration.convergence.test_lease import together
from tests.orchestration.monitoring.watched import a_running_instance, after, broken, kept, see

pytestmark = pytest.mark.django_db(transaction=True)
WORKERS = 4


def at_once(do: Callable[..., None], key: int, *, at: datetime) -> None:
    """Let workers do the same; what one of them could not do would leave a trace."""
    start = Barrier(WORKERS)
    done: list[int] = []

    def race() -> None:
        with scope.everything("a worker"):
            start.wait(20)
            do(key, at=at)
            done.append(key)
        connection.close()

    together(race, WORKERS)
    assert len(done) == WORKERS


def test_an_incident_is_opened_once_and_closed_once() -> None:
    instance = a_running_instance()
    see(instance, broken(), at=after(0))
    at_once(services.report_failing, instance.pk, at=after(61))
    assert (Ticket.objects.count(), Message.objects.count()) == (1, 1)
    see(instance, kept(), at=after(70))
    at_once(services.resolve_failing, instance.pk, at=after(71))
    assert (Ticket.objects.get().state, Message.objects.count()) == ("closed", 2)


def test_a_wait_is_told_once_and_over_once() -> None:
    line = a_line()
    instances.follow_contract(line.contract, at=NOON)
    waiting = Instance.objects.get(line=line)
    at_once(services.report_waiting, waiting.pk, at=after(301))
    ticket = Ticket.objects.get()
    assert Message.objects.count() == 1
    Instance.objects.update(requested_state="stopped")
    at_once(services.resolve_waiting, ticket.pk, at=after(400))
    ticket.refresh_from_db()
    assert (ticket.state, Message.objects.count()) == ("closed", 2)
