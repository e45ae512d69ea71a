"""Kinds of organisations, roles, and the one table from roles to rights."""

from collections.abc import Mapping

from django.db.models import TextChoices


class Kind(TextChoices):
    """Where an organisation stands in the tree."""

    PROVIDER = "provider"
    RESELLER = "reseller"
    CUSTOMER = "customer"


class InvoiceFormat(TextChoices):
    """How an organisation wants its e-invoices."""

    FACTUR_X = "factur-x", "Factur-X, inside the PDF"
    PEPPOL = "peppol", "Peppol BIS 3 (UBL)"
    XRECHNUNG = "xrechnung", "XRechnung 3 (UBL)"


class Role(TextChoices):
    """What a member is in the organisation."""

    OWNER = "owner"
    TECHNICAL = "technical"
    BILLING = "billing"
    READ_ONLY = "read_only"
    RESELLER_MANAGER = "reseller_manager"
    ACCOUNTANT = "accountant"
    OPERATOR = "operator"
    SUPPORT = "support"


class Right(TextChoices):
    """What a role permits, in the organisation of the member and in all below it."""

    SEE = "see"
    ORDER = "order"
    MANAGE_SERVICES = "manage_services"
    SEE_SECRETS = "see_secrets"
    SEE_INVOICES = "see_invoices"
    PAY = "pay"
    MANAGE_MEMBERS = "manage_members"
    WRITE_TICKETS = "write_tickets"
    ANSWER_TICKETS = "answer_tickets"
    MANAGE_CUSTOMERS = "manage_customers"
    MANAGE_PRICES = "manage_prices"
    DECIDE_ORDERS = "decide_orders"
    RUN_BILLING = "run_billing"
    SEE_LEDGER = "see_ledger"
    KEEP_BOOKS = "keep_books"
    OPERATE = "operate"


_SERVICE = {Right.SEE, Right.ORDER, Right.MANAGE_SERVICES, Right.SEE_SECRETS, Right.WRITE_TICKETS}
_BILLING = {Right.SEE, Right.SEE_INVOICES, Right.PAY, Right.WRITE_TICKETS}
_OWNER = _SERVICE | _BILLING | {Right.MANAGE_MEMBERS}
_RESELLER = {
    Right.MANAGE_CUSTOMERS,
    Right.MANAGE_PRICES,
    Right.DECIDE_ORDERS,
    Right.ANSWER_TICKETS,
    Right.RUN_BILLING,
    Right.SEE_LEDGER,
    Right.KEEP_BOOKS,
}
# Who bills and records payments grants no credit: that is decided by the owner of the provider.
_ACCOUNTANT = {
    Right.SEE,
    Right.SEE_INVOICES,
    Right.RUN_BILLING,
    Right.SEE_LEDGER,
    Right.KEEP_BOOKS,
    Right.MANAGE_PRICES,
}
_SELLING = frozenset({Right.MANAGE_CUSTOMERS, Right.MANAGE_PRICES, Right.DECIDE_ORDERS})

RIGHTS: Mapping[str, frozenset[Right]] = {
    Role.OWNER: frozenset(_OWNER),
    Role.TECHNICAL: frozenset(_SERVICE),
    Role.BILLING: frozenset(_BILLING),
    Role.READ_ONLY: frozenset({Right.SEE, Right.SEE_INVOICES}),
    Role.RESELLER_MANAGER: frozenset(_OWNER | _RESELLER),
    Role.ACCOUNTANT: frozenset(_ACCOUNTANT),
    Role.OPERATOR: frozenset(
        {Right.SEE, Right.OPERATE, Right.MANAGE_SERVICES, Right.WRITE_TICKETS, Right.ANSWER_TICKETS}
    ),
    # Who answers sees what the customer sees, and changes nothing of it.
    Role.SUPPORT: frozenset(
        {Right.SEE, Right.SEE_INVOICES, Right.WRITE_TICKETS, Right.ANSWER_TICKETS}
    ),
}

# Which roles a kind of organisation may give to its members.
ROLES: Mapping[str, frozenset[Role]] = {
    Kind.CUSTOMER: frozenset({Role.OWNER, Role.TECHNICAL, Role.BILLING, Role.READ_ONLY}),
    Kind.RESELLER: frozenset({Role.RESELLER_MANAGER, Role.SUPPORT, Role.READ_ONLY}),
    Kind.PROVIDER: frozenset(
        {Role.OWNER, Role.ACCOUNTANT, Role.OPERATOR, Role.SUPPORT, Role.READ_ONLY}
    ),
}


def rights_given(kind: str, role: str) -> frozenset[Right]:
    """Return what a role permits in this kind of organisation: the provider's owner sells too."""
    is_selling = (kind, role) == (Kind.PROVIDER, Role.OWNER)
    return RIGHTS[role] | _SELLING if is_selling else RIGHTS[role]
