"""Every task is known here, is in the timetable or hurried by a nudge, and may run twice."""

import pytest

from config.celery import TIMETABLE, app
from config.nudges import HURRIES

# Where each task is run twice (and by two at once where that matters).
RUN_TWICE = {
    "erp.contracts.tasks.sweep_expired": "tests/erp/contracts",
    "orchestration.instances.tasks.sweep_contracts": "tests/orchestration/instances",
    "orchestration.instances.tasks.follow_contract": "tests/orchestration/instances",
    "orchestration.allocation.tasks.sweep_waiting": "tests/orchestration/allocation",
    "orchestration.allocation.tasks.place_instance": "tests/orchestration/allocation",
}


def our_tasks() -> set[str]:
    app.loader.import_default_modules()
    return {name for name in app.tasks if not name.startswith("celery.")}


def test_every_task_has_a_test_that_runs_it_twice() -> None:
    assert our_tasks() == set(RUN_TWICE)


@pytest.mark.parametrize(
    "task", sorted(set(TIMETABLE) | {t for ts in HURRIES.values() for t in ts})
)
def test_what_is_sent_exists(task: str) -> None:
    assert task in our_tasks()
