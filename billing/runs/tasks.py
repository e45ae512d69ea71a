"""Make the drafts of billing runs and issue them: soon by a nudge, surely by a sweep."""

from typing import Any

from celery import shared_task

from billing.runs import queries, services
from erp.base.doors import now

BATCH = 50


@shared_task(ignore_result=True)
def sweep_runs(**_: Any) -> None:
    """Hand every run that has something left to do to its own task."""
    for pk in queries.unfinished().values_list("pk", flat=True)[:BATCH]:
        work_through.delay(run=pk)
    for pk in queries.to_issue().values_list("pk", flat=True)[:BATCH]:
        issue_run.delay(run=pk)


@shared_task(ignore_result=True, acks_late=True)
def work_through(*, run: int, **_: Any) -> None:
    """Draft or park what one run has not looked at; running it twice changes nothing."""
    found = queries.unfinished().filter(pk=run).first()
    if found:
        services.work_through(found, at=now(), by=found.opened_by)


@shared_task(ignore_result=True, acks_late=True)
def issue_run(*, run: int, **_: Any) -> None:
    """Issue the drafts of one run that was asked for; running it twice changes nothing."""
    found = queries.to_issue().filter(pk=run).first()
    if found:
        services.issue_all(found, at=now(), by=found.issue_asked_by)
