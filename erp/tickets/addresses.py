"""The address to which a ticket is answered: it names the ticket and carries a proof of it.

`support+T-7K2M9QXA.3f0c…@mail.example`: who has it was written to about this ticket. It gives no
right: who writes must be somebody who may write in the ticket.
"""

import hmac
from email.utils import parseaddr
from hashlib import sha256

from django.conf import settings

_PROOF_SIGNS = 20


def mailbox() -> str:
    """Return the address at which mails come in; nothing while there is none."""
    return parseaddr(settings.MAIL_IN_ADDRESS)[1].lower()


def reply_address(ticket: str) -> str:
    """Return where a ticket is answered; nothing while no mails come in."""
    name, _, domain = mailbox().rpartition("@")
    return f"{name}+{ticket}.{_proof(ticket)}@{domain}" if name else ""


def ticket_in(address: str) -> str:
    """Return the ticket that an address names with its proof; nothing for any other address."""
    name, _, domain = mailbox().rpartition("@")
    local, _, its_domain = address.lower().rpartition("@")
    prefix, _, tag = local.partition("+")
    if not name or (prefix, its_domain) != (name, domain):
        return ""
    ticket, _, proof = tag.upper().partition(".")
    return ticket if hmac.compare_digest(proof.lower().encode(), _proof(ticket).encode()) else ""


def _proof(ticket: str) -> str:
    key = sha256(b"erp.tickets.reply:" + settings.SECRET_KEY.encode()).digest()
    return hmac.new(key, ticket.encode(), sha256).hexdigest()[:_PROOF_SIGNS]
