"""What is told to the world outside: topics, events, and how far a message has come."""

from collections.abc import Mapping
from datetime import timedelta

from django.db.models import TextChoices

from erp.base.lifecycle import Arrows
from erp.customers.states import Role


class State(TextChoices):
    """Failed is tried again; given up never is, unless somebody asks for it.

    waiting → sending → sent | failed | given up; failed → sending; given up, sent → waiting.
    """

    WAITING = "waiting"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    GIVEN_UP = "given_up"


# What the queue still has to do. A row that is sending longer than its lease belongs to a worker
# that was killed: whether the message left is unknown, so it is sent again with the same id.
UNDONE = (State.WAITING, State.SENDING, State.FAILED)


class Topic(TextChoices):
    """What a mail is about: the unit that a member wants or not."""

    INCIDENTS = "incidents"
    MAINTENANCE = "maintenance"
    TICKETS = "tickets"
    INVOICES = "invoices"
    ACCOUNT = "account"


TOPIC_WORDS: Mapping[str, str] = {
    Topic.INCIDENTS: "A service does not keep its promises, and when it does again",
    Topic.MAINTENANCE: "Planned work on what your services run on, and upgrades of them",
    Topic.TICKETS: "Tickets, and answers in them",
    Topic.INVOICES: "Invoices and reminders",
    Topic.ACCOUNT: "What somebody must look after, such as a webhook that was switched off",
}
# What a member may not switch off.
OBLIGATORY = frozenset({Topic.ACCOUNT})

_HEADS = frozenset({Role.OWNER, Role.RESELLER_MANAGER})
# Which roles get a topic unless the member says otherwise.
BY_ROLE: Mapping[str, frozenset[Role]] = {
    Topic.INCIDENTS: _HEADS | {Role.TECHNICAL, Role.OPERATOR},
    Topic.MAINTENANCE: _HEADS | {Role.TECHNICAL, Role.OPERATOR},
    Topic.TICKETS: _HEADS | {Role.TECHNICAL, Role.SUPPORT, Role.OPERATOR},
    Topic.INVOICES: frozenset({Role.BILLING, Role.ACCOUNTANT, Role.RESELLER_MANAGER}),
    Topic.ACCOUNT: _HEADS,
}

# What a webhook may be told of. A new event needs a line here and a call of `services.emit`.
EVENTS: Mapping[str, str] = {
    "ticket.opened": "A ticket was opened; an incident is a ticket of the kind “incident”",
    "ticket.message": "Somebody wrote in a ticket",
    "ticket.closed": "A ticket was closed",
    "service.changed": "A service was started, stopped, ended, or its parameters changed",
    "maintenance.planned": "Planned work on services was announced, moved or cancelled",
    "invoice.issued": "An invoice was issued",
    "budget.reached": "What a month costs has reached a part of a budget",
}
TEST_EVENT = "endpoint.test"


class EndpointState(TextChoices):
    """Disabled: by a person, or by itself when nobody is there."""

    ACTIVE = "active"
    DISABLED = "disabled"
    RETIRED = "retired"


ENDPOINT_ARROWS: Arrows = {
    EndpointState.ACTIVE: frozenset({EndpointState.DISABLED, EndpointState.RETIRED}),
    EndpointState.DISABLED: frozenset({EndpointState.ACTIVE, EndpointState.RETIRED}),
    EndpointState.RETIRED: frozenset(),
}

# Pauses after a failed try, each with a fifth of jitter: both give up after about a day.
_HOUR = timedelta(hours=1)
MAIL_PAUSES = (
    *(timedelta(seconds=30 * 2**power) for power in range(9)), 4 * _HOUR, 4 * _HOUR, 4 * _HOUR,
    6 * _HOUR,
)  # fmt: skip
DELIVERY_PAUSES = (
    timedelta(seconds=5), timedelta(minutes=5), timedelta(minutes=30), 2 * _HOUR, 5 * _HOUR,
    8 * _HOUR, 10 * _HOUR,
)  # fmt: skip
