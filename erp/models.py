"""All models of the app, in reading order, so that Django finds them in their slices."""

from erp.base.journal import JournalLine
from erp.catalogue.models import Offer, Plan, Price, PriceList
from erp.contracts.models import Budget, Contract, ContractLine, LineChange, LinePrice
from erp.customers.models import ApiReply, ApiToken, Brand, Logo, Member, Organisation
from erp.desk.models import Calendar, CannedAnswer, Queue, Target, TicketTemplate
from erp.mailroom.models import IncomingMail
from erp.orders.models import Order
from erp.outbox.models import Delivery, Endpoint, Mail, Preference
from erp.tickets.models import Message, MessageFile, Satisfaction, Ticket, TicketLink

__all__ = [
    "ApiReply",
    "ApiToken",
    "Brand",
    "Budget",
    "Calendar",
    "CannedAnswer",
    "Contract",
    "ContractLine",
    "Delivery",
    "Endpoint",
    "IncomingMail",
    "JournalLine",
    "LineChange",
    "LinePrice",
    "Logo",
    "Mail",
    "Member",
    "Message",
    "MessageFile",
    "Offer",
    "Order",
    "Organisation",
    "Plan",
    "Preference",
    "Price",
    "PriceList",
    "Queue",
    "Satisfaction",
    "Target",
    "Ticket",
    "TicketLink",
    "TicketTemplate",
]
