"""Tests of the outbox talk to real servers on the loopback."""

from collections.abc import Iterator

import pytest
from django.conf import LazySettings

from tests.erp.outbox.servers import MailServer, Receiver, a_mail_server, a_receiver


@pytest.fixture
def mail_server(settings: LazySettings) -> Iterator[MailServer]:
    with a_mail_server() as server:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        settings.EMAIL_TIMEOUT = 2
        settings.DEFAULT_FROM_EMAIL = "Portal <portal@provider.example>"
        yield server


@pytest.fixture
def receiver(settings: LazySettings) -> Iterator[Receiver]:
    settings.WEBHOOKS_ANYWHERE = True
    with a_receiver() as one:
        yield one
