"""Which ticket a mail continues: by the address that it was sent to, else by what it answers."""

import re

from erp.mailroom.models import IncomingMail
from erp.mailroom.parsing import Parsed
from erp.outbox.models import Mail
from erp.outbox.services import our_domain
from erp.tickets.addresses import ticket_in
from erp.tickets.models import Ticket

_OURS = re.compile(r"([MT]-[0-9A-Z]{8})@(.+)")


def ticket_of(parsed: Parsed) -> Ticket | None:
    """Return the ticket that a mail continues; where it was merged, the one that goes on."""
    named = (ticket_in(address) for address in parsed.recipients)
    reference = next(filter(None, named), "") or _answered(parsed)
    found = Ticket.objects.select_related("organisation", "merged_into__organisation")
    ticket = found.filter(reference=reference).first() if reference else None
    return ticket.merged_into or ticket if ticket else None


def _answered(parsed: Parsed) -> str:
    """Return the ticket of what a mail refers to, the nearest first: ours, or one that came in."""
    for message_id in parsed.references:
        kind, name = _ours(message_id)
        if kind == "T":
            return name
        if kind == "M":
            sent = Mail.objects.filter(reference=name, about_kind="ticket").first()
            if sent:
                return sent.about_reference
        came = IncomingMail.objects.filter(message_id=message_id, ticket__isnull=False)
        known = came.select_related("ticket").first()
        if known and known.ticket:
            return known.ticket.reference
    return ""


def is_our_own(message_id: str) -> bool:
    """Return whether we sent the mail of this name."""
    kind, name = _ours(message_id)
    return kind == "M" and Mail.objects.filter(reference=name).exists()


def _ours(message_id: str) -> tuple[str, str]:
    found = _OURS.fullmatch(message_id)
    if found is None or found[2].lower() != our_domain().lower():
        return "", ""
    return found[1][0], found[1]
