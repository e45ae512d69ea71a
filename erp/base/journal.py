"""The append-only record of who did what, when and why; chained by hash per organisation.

The chain is written by a trigger of the database (migration 0001): rows cannot be changed or
deleted by the application.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import models

from erp.base.inserts import insert
from erp.base.tenancy import TenantQuerySet


class JournalLine(models.Model):
    """One event on one object."""

    organisation = models.ForeignKey("erp.Organisation", on_delete=models.PROTECT)
    subject_kind = models.CharField(max_length=40)
    subject_reference = models.CharField(max_length=60)
    at = models.DateTimeField()
    by = models.CharField(max_length=150)
    event = models.CharField(max_length=40)
    why = models.TextField(blank=True)
    details = models.JSONField(default=dict)
    position = models.BigIntegerField(default=0, editable=False)
    previous_hash = models.CharField(max_length=64, default="", editable=False)
    hash = models.CharField(max_length=64, default="", editable=False)

    objects = TenantQuerySet["JournalLine"].as_manager()

    class Meta:
        app_label = "erp"
        indexes = [models.Index(fields=["subject_kind", "subject_reference", "at"])]
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "position"],
                name="journalline_chain_has_one_line_per_position",
            )
        ]

    def __str__(self) -> str:
        return f"{self.subject_reference} {self.event}"


def record(
    subject: models.Model, event: str, *, at: datetime, by: str, why: str = "", **details: Any
) -> JournalLine:
    """Write one line about an object that has `organisation` and `reference`."""
    (line,) = record_all([line_about(subject, event, at=at, by=by, why=why, **details)])
    return line


def line_about(
    subject: models.Model, event: str, *, at: datetime, by: str, why: str = "", **details: Any
) -> JournalLine:
    """Return a line that `record_all` writes."""
    return JournalLine(
        organisation_id=subject.organisation_id,  # type: ignore[attr-defined]
        subject_kind=str(subject._meta.model_name),
        subject_reference=subject.reference,  # type: ignore[attr-defined]
        at=at,
        by=by,
        event=event,
        why=why,
        details=details,
    )


def record_all(lines: Iterable[JournalLine]) -> list[JournalLine]:
    """Write many lines at once, in the order of their chains: two writers never wait in a ring."""
    ordered = sorted(lines, key=lambda one: one.organisation_id)
    return insert(ordered)


def history(subject: models.Model) -> models.QuerySet[JournalLine]:
    """Return the lines about one object, oldest first."""
    return JournalLine.objects.filter(
        subject_kind=subject._meta.model_name,
        subject_reference=subject.reference,  # type: ignore[attr-defined]
    ).order_by("position")
