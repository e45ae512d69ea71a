"""Every task is known here, is in the timetable or hurried by a nudge, and may run twice."""

from pathlib import Path

import pytest

from config.celery import TIMETABLE, app
from config.nudges import HURRIES

ROOT = Path(__file__).resolve().parents[2]

# Where each task is run twice (and by two at once where that matters).
RUN_TWICE = {
    "erp.customers.tasks.sweep_replies": "tests/erp/customers",
    "erp.contracts.tasks.sweep_expired": "tests/erp/contracts",
    "erp.tickets.tasks.sweep_clocks": "tests/erp/tickets",
    "erp.tickets.tasks.escalate": "tests/erp/tickets",
    "erp.mailroom.tasks.sweep_mailbox": "tests/erp/mailroom",
    "erp.mailroom.tasks.sweep_mails_in": "tests/erp/mailroom",
    "erp.mailroom.tasks.see_to": "tests/erp/mailroom",
    "erp.mailroom.tasks.sweep_old_mails_in": "tests/erp/mailroom",
    "erp.outbox.tasks.sweep_mails": "tests/erp/outbox",
    "erp.outbox.tasks.sweep_deliveries": "tests/erp/outbox",
    "erp.outbox.tasks.sweep_old_deliveries": "tests/erp/outbox",
    "erp.outbox.tasks.deliver": "tests/erp/outbox",
    "orchestration.instances.tasks.sweep_contracts": "tests/orchestration/instances",
    "orchestration.instances.tasks.follow_contract": "tests/orchestration/instances",
    "orchestration.instances.tasks.sweep_inputs": "tests/orchestration/instances",
    "orchestration.instances.tasks.take_inputs": "tests/orchestration/instances",
    "orchestration.allocation.tasks.sweep_waiting": "tests/orchestration/allocation",
    "orchestration.allocation.tasks.place_instance": "tests/orchestration/allocation",
    "orchestration.nodes.tasks.sweep_standing": "tests/orchestration/nodes_standing",
    "orchestration.convergence.tasks.sweep_desired": "tests/orchestration/convergence",
    "orchestration.convergence.tasks.sweep_nodes": "tests/orchestration/convergence",
    "orchestration.convergence.tasks.converge_node": "tests/orchestration/convergence",
    "orchestration.convergence.tasks.visit_nodes": "tests/orchestration/convergence",
    "orchestration.convergence.tasks.sweep_enrolments": "tests/orchestration/convergence",
    "orchestration.convergence.tasks.sweep_silent": "tests/orchestration/convergence",
    "orchestration.convergence.tasks.enrol_node": "tests/orchestration/convergence",
    "orchestration.monitoring.tasks.sweep_incidents": "tests/orchestration/monitoring",
    "orchestration.monitoring.tasks.sweep_waits": "tests/orchestration/monitoring",
    "config.rescue.tasks.sweep_backup": "tests/config",
    "config.rescue.tasks.sweep_master": "tests/config",
    "orchestration.campaigns.tasks.sweep_campaigns": "tests/orchestration/campaigns",
    "orchestration.maintenance.tasks.sweep_works": "tests/orchestration/maintenance",
    "orchestration.maintenance.tasks.sweep_checks": "tests/orchestration/maintenance",
    "orchestration.windows.tasks.sweep_windows": "tests/orchestration/windows",
    "orchestration.backup.tasks.sweep_backups": "tests/orchestration/backup",
    "orchestration.backup.tasks.sweep_relocations": "tests/orchestration/backup",
    "orchestration.backup.tasks.advance_relocation": "tests/orchestration/backup",
    "orchestration.backup.tasks.sweep_drills": "tests/orchestration/backup",
    "orchestration.backup.tasks.sweep_takeovers": "tests/orchestration/backup",
    "orchestration.metering.tasks.sweep_weeks": "tests/orchestration/metering",
    "erp.contracts.tasks.end_expired": "tests/erp/contracts",
    "erp.contracts.tasks.sweep_changes": "tests/erp/contracts",
    "erp.contracts.tasks.apply_change": "tests/erp/contracts",
    "billing.documents.tasks.sweep_documents": "tests/billing/documents",
    "billing.documents.tasks.render_document": "tests/billing/documents",
    "billing.dunning.tasks.sweep_dunning": "tests/billing/dunning",
    "billing.dunning.tasks.take_step": "tests/billing/dunning",
    "billing.dunning.tasks.sweep_lifts": "tests/billing/dunning",
    "billing.dunning.tasks.lift": "tests/billing/dunning",
    "billing.ledger.tasks.sweep_deferrals": "tests/billing/ledger",
    "billing.ledger.tasks.release_deferral": "tests/billing/ledger",
    "billing.ledger.tasks.sweep_anchors": "tests/billing/ledger",
    "billing.payments.tasks.sweep_excess": "tests/billing/payments",
    "billing.payments.tasks.free_excess": "tests/billing/payments",
    "billing.reports.tasks.sweep_statements": "tests/billing/reports",
    "billing.reports.tasks.mail_statement": "tests/billing/reports",
    "billing.sepa.tasks.sweep_runs": "tests/billing/sepa",
    "billing.sepa.tasks.work_through": "tests/billing/sepa",
    "billing.sepa.tasks.mark_returned": "tests/billing/sepa",
    "billing.invoicing.tasks.sweep_budgets": "tests/billing/invoicing",
    "billing.invoicing.tasks.watch_budget": "tests/billing/invoicing",
    "billing.payments.tasks.sweep_expired_credit": "tests/billing/payments",
    "billing.payments.tasks.forfeit_credit": "tests/billing/payments",
    "billing.vat.tasks.sweep_vat_numbers": "tests/billing/vat",
    "billing.vat.tasks.consult_register": "tests/billing/vat",
    "billing.sla.tasks.sweep_service_credits": "tests/billing/sla",
    "billing.sla.tasks.draft_credit": "tests/billing/sla",
    "billing.runs.tasks.sweep_runs": "tests/billing/runs",
    "billing.runs.tasks.work_through": "tests/billing/runs",
    "billing.runs.tasks.issue_run": "tests/billing/runs",
}


def our_tasks() -> set[str]:
    app.loader.import_default_modules()
    return {name for name in app.tasks if not name.startswith("celery.")}


def test_every_task_has_a_test_that_runs_it_twice() -> None:
    assert our_tasks() == set(RUN_TWICE)
    for task, place in RUN_TWICE.items():
        name = task.rpartition(".")[2]
        tests = [path.read_text() for path in (ROOT / place).rglob("test_*.py")]
        assert any(text.count(f"{name}(") >= 2 or f"[{name}" in text for text in tests), task


@pytest.mark.parametrize(
    "task", sorted({*map(str, TIMETABLE), *(task for tasks in HURRIES.values() for task in tasks)})
)
def test_what_is_sent_exists(task: str) -> None:
    assert task in our_tasks()
