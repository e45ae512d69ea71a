"""All models of the app, in reading order, so that Django finds them in their slices."""

from erp.base.journal import JournalLine
from erp.catalogue.models import Offer, Plan, Price, PriceList
from erp.contracts.models import Contract, ContractLine, LinePrice
from erp.customers.models import Member, Organisation
from erp.orders.models import Order
from erp.tickets.models import Message, Ticket

__all__ = [
    "Contract",
    "ContractLine",
    "JournalLine",
    "LinePrice",
    "Member",
    "Message",
    "Offer",
    "Order",
    "Organisation",
    "Plan",
    "Price",
    "PriceList",
    "Ticket",
]
