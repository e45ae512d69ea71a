"""Back the Master up by schedule, and look at what only the Master knows of itself."""

import logging
from typing import Any

from celery import shared_task
from django.conf import settings

from config.rescue import checks, services
from config.ui.context import product_version
from erp.base.doors import now
from erp.base.errors import DomainError
from orchestration.maintenance.checks import look_at_master

log = logging.getLogger(__name__)


@shared_task(ignore_result=True)
def sweep_backup(**_: Any) -> None:
    """Make a backup when the newest is too old; without a key there is none, and a check says so.

    Two at once make two files: each is whole.
    """
    at = now()
    if settings.BACKUP_KEY is None or not services.is_due(settings.BACKUP_DIR, at=at):
        return
    try:
        made = services.back_up(settings.BACKUP_DIR, at=at, version=product_version())
    except (DomainError, OSError) as error:
        log.error("the Master is not backed up: %s", error)
        return
    log.info("the Master is backed up: %s, %s bytes", made.path.name, made.size)
    services.drop_old(settings.BACKUP_DIR, keep=settings.BACKUP_KEPT)


@shared_task(ignore_result=True)
def sweep_master(**_: Any) -> None:
    """Make the checks of the Master itself; twice is once."""
    at = now()
    look_at_master(checks.found(at), at=at)
