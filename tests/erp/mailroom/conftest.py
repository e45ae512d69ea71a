"""Mails come in at one address."""

import pytest
from django.conf import LazySettings

from tests.erp.mailroom.mails import DESK


@pytest.fixture(autouse=True)
def _a_mailbox(settings: LazySettings) -> None:
    settings.MAIL_IN_ADDRESS = DESK
    settings.MAIL_IN_STRANGERS = "aside"
    settings.DEFAULT_FROM_EMAIL = "Tenantry <desk@mail.example>"
