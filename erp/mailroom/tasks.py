"""Mails are fetched and seen to; each task may run twice or at once."""

from typing import Any

from celery import shared_task
from django.conf import settings

from erp.base.doors import now
from erp.mailroom import imap, services
from erp.mailroom.models import IncomingMail
from erp.mailroom.states import State

BATCH = 200


@shared_task(ignore_result=True, throws=(imap.MailboxAway,))
def sweep_mailbox(**_: Any) -> None:
    """Fetch what came into the mailbox, where one is set."""
    if settings.IMAP_HOST:
        imap.fetch(_mailbox(), lambda raw: services.receive(raw, at=now()))


def _mailbox() -> imap.Mailbox:
    return imap.Mailbox(
        host=settings.IMAP_HOST,
        port=settings.IMAP_PORT,
        user=settings.IMAP_USER,
        password=settings.IMAP_PASSWORD,
        folder=settings.IMAP_FOLDER,
        tls=settings.IMAP_TLS,
    )


@shared_task(ignore_result=True)
def sweep_mails_in(**_: Any) -> None:
    """Hand every mail that was stored, and not seen to since, to its own task."""
    waiting = IncomingMail.objects.filter(state=State.WAITING).order_by("pk")
    for pk in waiting.values_list("pk", flat=True)[:BATCH]:
        see_to.delay(mail=pk)


@shared_task(ignore_result=True)
def see_to(*, mail: int, **_: Any) -> None:
    """See to one mail, if it still waits."""
    found = IncomingMail.objects.defer("raw").filter(pk=mail, state=State.WAITING).first()
    if found:
        services.see_to(found, at=now())


@shared_task(ignore_result=True)
def sweep_old_mails_in(**_: Any) -> None:
    """Forget the bytes of mails that came to their end long ago."""
    services.forget_old(at=now())
