"""All models of the app, in reading order, so that Django finds them in their slices."""

from billing.documents.models import Document
from billing.invoicing.models import Invoice, InvoiceLine, Series
from billing.ledger.models import Account, Books, Entry, Posting
from billing.payments.models import PaymentAllocation, Receipt
from billing.rating.models import BilledWindow, RatedLine, RatingRun
from billing.runs.models import BillingRun, RunItem

__all__ = [
    "Account",
    "BilledWindow",
    "BillingRun",
    "Books",
    "Document",
    "Entry",
    "Invoice",
    "InvoiceLine",
    "PaymentAllocation",
    "Posting",
    "RatedLine",
    "RatingRun",
    "Receipt",
    "RunItem",
    "Series",
]
