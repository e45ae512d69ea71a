"""All models of the app, in reading order, so that Django finds them in their slices."""

from billing.bank.models import BankFile, BankItem, BankStatement
from billing.documents.models import Document
from billing.dunning.models import DunningAct, DunningHold, DunningStep
from billing.invoicing.models import Invoice, InvoiceLine, LostNumber, Series
from billing.ledger.models import (
    Account,
    Anchor,
    Books,
    Deferral,
    Entry,
    Lettering,
    PartAccount,
    Posting,
)
from billing.payments.models import (
    Fee,
    FeePayment,
    PaymentAllocation,
    Payout,
    Receipt,
    StatementWish,
)
from billing.rating.models import BilledWindow, RatedLine, RatingRun
from billing.runs.models import BillingRun, RunItem
from billing.sepa.models import Creditor, Debit, Mandate, SepaRun, Transfer
from billing.sla.models import ServiceCredit
from billing.vat.models import VatCheck

__all__ = [
    "Account",
    "Anchor",
    "BankFile",
    "BankItem",
    "BankStatement",
    "BilledWindow",
    "BillingRun",
    "Books",
    "Creditor",
    "Debit",
    "Deferral",
    "Document",
    "DunningAct",
    "DunningHold",
    "DunningStep",
    "Entry",
    "Fee",
    "FeePayment",
    "Invoice",
    "InvoiceLine",
    "Lettering",
    "LostNumber",
    "Mandate",
    "PartAccount",
    "PaymentAllocation",
    "Payout",
    "Posting",
    "RatedLine",
    "RatingRun",
    "Receipt",
    "RunItem",
    "SepaRun",
    "Series",
    "ServiceCredit",
    "StatementWish",
    "Transfer",
    "VatCheck",
]
