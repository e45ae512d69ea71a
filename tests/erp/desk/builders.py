"""A desk to work at."""

from typing import Any

from erp.customers.models import Organisation
from erp.desk.models import Calendar, Queue, Target
from erp.desk.states import Priority

WEEK = {day: ["09:00-17:00"] for day in ("mon", "tue", "wed", "thu", "fri")}


def a_calendar(desk: Organisation, **facts: Any) -> Calendar:
    columns: dict[str, Any] = {"name": "Office hours", "time_zone": "UTC", "week": WEEK}
    return Calendar.objects.create(organisation=desk, **(columns | facts))


def a_queue(
    desk: Organisation, *, answer: int | None = 60, resolve: int | None = 480, **facts: Any
) -> Queue:
    """A default queue that promises an answer within an hour and a resolution within eight."""
    columns: dict[str, Any] = {"name": "First line", "is_default": True}
    queue = Queue.objects.create(organisation=desk, **(columns | facts))
    for priority, share in ((Priority.NORMAL, 1), (Priority.URGENT, 4)):
        Target.objects.create(
            organisation=desk,
            queue=queue,
            priority=priority,
            answer_minutes=answer and answer // share,
            resolve_minutes=resolve and resolve // share,
        )
    return queue
