"""Which task an event hurries. Without this table everything still happens, later."""

import logging
from collections.abc import Mapping

from celery import current_app
from kombu.exceptions import OperationalError

log = logging.getLogger(__name__)

# Event -> the tasks that find their work by the same keys.
HURRIES: Mapping[str, tuple[str, ...]] = {
    "contract.changed": ("orchestration.instances.tasks.follow_contract",),
    "mail.posted": ("erp.outbox.tasks.sweep_mails",),
    "webhook.posted": ("erp.outbox.tasks.deliver",),
    "instance.requested": ("orchestration.allocation.tasks.place_instance",),
    "instance.placed": ("orchestration.convergence.tasks.converge_node",),
    "instance.changed": ("orchestration.convergence.tasks.converge_node",),
    "instance.published": ("orchestration.instances.tasks.take_inputs",),
    "relocation.changed": ("orchestration.backup.tasks.advance_relocation",),
    "node.registered": ("orchestration.convergence.tasks.enrol_node",),
    "billing_run.opened": ("billing.runs.tasks.work_through",),
    "billing_run.issue_asked": ("billing.runs.tasks.issue_run",),
    "invoice.issued": ("billing.documents.tasks.render_document",),
    "invoices.issued": ("billing.documents.tasks.sweep_documents",),
    "invoice.credited": ("billing.payments.tasks.free_excess",),
}


def nudge(event: str, **keys: int | str) -> None:
    """Send the tasks of an event; when the queue is away, the sweep will do the work."""
    for task in HURRIES.get(event, ()):
        try:
            current_app.send_task(task, kwargs=keys, retry=False)
        except (OperationalError, OSError) as error:
            log.warning("queue away, %s waits for its sweep: %s", task, error)
