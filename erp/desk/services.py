"""Keep queues with their promises, calendars, and the texts that are used again."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import IntegrityError, models, transaction

from erp.base.errors import DomainError
from erp.base.journal import record
from erp.customers.models import Organisation
from erp.desk.models import Queue, Target


class NameTaken(DomainError):
    """This desk has something of this kind with this name already."""

    code = "name_taken"
    status = 422


@dataclass(frozen=True, slots=True)
class Promise:
    """Working minutes until the first answer and until the resolution; None: no promise."""

    answer_minutes: int | None
    resolve_minutes: int | None


@transaction.atomic
def keep(row: models.Model, facts: Mapping[str, Any], *, at: datetime, by: str) -> None:
    """Write a part of a desk, new or known.

    Raises:
        NameTaken: another one of this desk has the name.
    """
    organisation: Organisation = row.organisation  # type: ignore[attr-defined]
    is_new = row.pk is None
    for name, value in facts.items():
        setattr(row, name, value)
    if isinstance(row, Queue) and row.is_default:
        others = Queue.objects.filter(organisation=organisation, is_default=True)
        others.exclude(pk=row.pk).update(is_default=False)
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as error:
        raise NameTaken from error
    kind = str(row._meta.verbose_name)
    event = "desk_added" if is_new else "desk_changed"
    record(organisation, event, at=at, by=by, why=f"{kind} {row}")


@transaction.atomic
def promise(queue: Queue, promises: Mapping[int, Promise]) -> None:
    """Replace what a queue promises; tickets that run keep the moments that they were promised."""
    queue.targets.all().delete()
    Target.objects.bulk_create(
        Target(
            organisation_id=queue.organisation_id, queue=queue, priority=priority,
            answer_minutes=one.answer_minutes, resolve_minutes=one.resolve_minutes,
        )
        for priority, one in promises.items()
        if one.answer_minutes is not None or one.resolve_minutes is not None
    )  # fmt: skip


@transaction.atomic
def remove(row: models.Model, *, at: datetime, by: str) -> None:
    """Take a text away; what was written with it stays."""
    kind = str(row._meta.verbose_name)
    record(row.organisation, "desk_removed", at=at, by=by, why=f"{kind} {row}")  # type: ignore[attr-defined]
    row.delete()
