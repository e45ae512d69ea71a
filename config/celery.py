"""The Celery app: queues, limits and the timetable of sweeps.

Nothing depends on a task arriving: every sweep finds its own work by a query, so a task that is
lost, late or repeated does no harm. The transport options bring a lost task back within seconds
(kombu 5.7); a task must be shorter than the visibility timeout, or it starts again beside itself.
"""

import os

from celery import Celery
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")


def _every(seconds: int, task: str) -> dict[str, object]:
    """A sweep that nobody picked up in its interval is dropped: the next one finds the same."""
    return {"task": task, "schedule": float(seconds), "options": {"expires": seconds}}


TIMETABLE = {
    entry["task"]: entry
    for entry in (
        _every(600, "erp.customers.tasks.sweep_replies"),
        _every(30, "erp.contracts.tasks.sweep_expired"),
        _every(30, "erp.contracts.tasks.sweep_changes"),
        _every(15, "erp.outbox.tasks.sweep_mails"),
        _every(5, "erp.outbox.tasks.sweep_deliveries"),
        _every(3600, "erp.outbox.tasks.sweep_old_deliveries"),
        _every(30, "erp.tickets.tasks.sweep_clocks"),
        _every(60, "erp.mailroom.tasks.sweep_mailbox"),
        _every(60, "erp.mailroom.tasks.sweep_mails_in"),
        _every(3600, "erp.mailroom.tasks.sweep_old_mails_in"),
        # Reads every line and its instance, and only finds what a nudge lost or a date brought.
        _every(30, "orchestration.instances.tasks.sweep_contracts"),
        _every(10, "orchestration.instances.tasks.sweep_inputs"),
        _every(10, "orchestration.allocation.tasks.sweep_waiting"),
        _every(15, "orchestration.nodes.tasks.sweep_standing"),
        # Every visit does the same for its node: this is for those that wait for theirs.
        _every(30, "orchestration.convergence.tasks.sweep_desired"),
        _every(5, "orchestration.convergence.tasks.sweep_nodes"),
        _every(15, "orchestration.convergence.tasks.sweep_enrolments"),
        _every(10, "orchestration.convergence.tasks.sweep_silent"),
        _every(60, "orchestration.windows.tasks.sweep_windows"),
        _every(10, "orchestration.maintenance.tasks.sweep_works"),
        _every(120, "orchestration.maintenance.tasks.sweep_checks"),
        _every(10, "orchestration.campaigns.tasks.sweep_campaigns"),
        _every(600, "config.rescue.tasks.sweep_backup"),
        _every(1800, "config.rescue.tasks.sweep_master"),
        _every(15, "orchestration.monitoring.tasks.sweep_incidents"),
        _every(30, "orchestration.monitoring.tasks.sweep_waits"),
        _every(30, "orchestration.backup.tasks.sweep_backups"),
        _every(5, "orchestration.backup.tasks.sweep_relocations"),
        _every(10, "orchestration.backup.tasks.sweep_drills"),
        _every(10, "orchestration.backup.tasks.sweep_takeovers"),
        _every(3600, "orchestration.metering.tasks.sweep_weeks"),
        _every(15, "billing.runs.tasks.sweep_runs"),
        _every(15, "billing.documents.tasks.sweep_documents"),
        _every(60, "billing.payments.tasks.sweep_excess"),
        _every(600, "billing.sla.tasks.sweep_service_credits"),
        _every(60, "billing.sepa.tasks.sweep_runs"),
        _every(3600, "billing.reports.tasks.sweep_statements"),
        _every(600, "billing.dunning.tasks.sweep_dunning"),
        _every(30, "billing.dunning.tasks.sweep_lifts"),
        _every(30, "billing.vat.tasks.sweep_vat_numbers"),
        _every(60, "billing.invoicing.tasks.sweep_budgets"),
        _every(600, "billing.ledger.tasks.sweep_deferrals"),
        _every(600, "billing.payments.tasks.sweep_expired_credit"),
        _every(1800, "billing.ledger.tasks.sweep_anchors"),
    )
}

app = Celery("tenantry", task_cls="erp.base.tasks:SystemTask")
app.conf.update(
    broker_url=settings.REDIS_URL.replace("unix://", "redis+socket://").replace(
        "?db=", "?virtual_host="
    ),
    broker_transport_options={
        "visibility_timeout": 900,
        "unacked_restore_interval": 5,
        "unacked_restore_throttle": 1,
    },
    broker_connection_retry_on_startup=True,
    task_ignore_result=True,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_time_limit=600,
    task_soft_time_limit=540,
    worker_prefetch_multiplier=1,
    task_default_queue="default",
    task_routes=(
        "orchestration.convergence.lanes.route",
        {
            "orchestration.metering.*": {"queue": "metering"},
            "billing.*": {"queue": "billing"},
            # Waits for servers of others: on a server it has workers of its own.
            "erp.outbox.*": {"queue": "outbox"},
            "erp.mailroom.*": {"queue": "outbox"},
        },
    ),
    beat_schedule=TIMETABLE,
    timezone="UTC",
)
app.autodiscover_tasks(
    [
        "erp.customers",
        "erp.contracts",
        "erp.mailroom",
        "erp.orders",
        "erp.outbox",
        "erp.tickets",
        "orchestration.nodes",
        "orchestration.instances",
        "orchestration.allocation",
        "orchestration.convergence",
        "orchestration.metering",
        "orchestration.windows",
        "orchestration.maintenance",
        "orchestration.campaigns",
        "config.rescue",
        "orchestration.monitoring",
        "orchestration.backup",
        "billing.documents",
        "billing.dunning",
        "billing.invoicing",
        "billing.ledger",
        "billing.payments",
        "billing.reports",
        "billing.runs",
        "billing.sla",
        "billing.sepa",
        "billing.vat",
    ]
)
