"""Keep the weeks of samples: make them ahead, drop them when they are old and billed for good."""

import logging
from datetime import timedelta
from typing import Any

from celery import shared_task
from django.conf import settings
from django.db import OperationalError

from erp.base.doors import now
from orchestration.metering import weeks

log = logging.getLogger(__name__)


@shared_task(ignore_result=True)
def sweep_weeks(**_: Any) -> None:
    """Make the next weeks and drop the oldest; running it twice changes nothing."""
    at = now()
    weeks.make_ahead(at=at)
    try:
        for week in weeks.drop_old(before=at - timedelta(days=settings.SAMPLES_KEPT_DAYS)):
            log.info("samples of the week of %s were dropped; their sums stay", week.date())
        weeks.drop_older()
    except OperationalError as error:
        log.warning("old samples are in use, the next sweep drops them: %s", error)
