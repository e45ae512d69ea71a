"""All models of the app, in reading order, so that Django finds them in their slices."""

from erp.base.journal import JournalLine
from erp.catalogue.models import Offer, Plan, Price, PriceList
from erp.contracts.models import Contract, ContractLine, LineChange, LinePrice
from erp.customers.models import Member, Organisation
from erp.orders.models import Order
from erp.outbox.models import Delivery, Endpoint, Mail, Preference
from erp.tickets.models import Message, Ticket

__all__ = [
    "Contract",
    "ContractLine",
    "Delivery",
    "Endpoint",
    "JournalLine",
    "LineChange",
    "LinePrice",
    "Mail",
    "Member",
    "Message",
    "Offer",
    "Order",
    "Organisation",
    "Plan",
    "Preference",
    "Price",
    "PriceList",
    "Ticket",
]
