"""What a receipt has left: read under its lock, and never used twice."""

from datetime import datetime

from billing.payments.models import NOT_MONEY, Receipt
from erp.base.errors import DomainError
from erp.base.money import Amount


class NoSuchCredit(DomainError):
    """The payment has less left than that."""

    code = "no_such_credit"


class CreditExpired(DomainError):
    """This credit has expired: it pays nothing any more."""

    code = "credit_expired"


def check_valid(receipt: Receipt, at: datetime) -> None:
    """Refuse credit that has expired.

    Raises:
        CreditExpired: names the moment.
    """
    if receipt.expires_at and receipt.expires_at <= at:
        raise CreditExpired(f"The credit {receipt} expired on {receipt.expires_at:%Y-%m-%d}.")


def locked_receipt(receipt: Receipt) -> Receipt:
    """Return the receipt as it is, locked until the commit."""
    rows = Receipt.objects.select_for_update(of=("self",))
    return rows.select_related("issuer", "organisation").get(pk=receipt.pk)


def check_credit(receipt: Receipt, minor: int) -> None:
    """Refuse what the receipt has not left.

    Raises:
        NoSuchCredit: names what is left.
    """
    if receipt.method in NOT_MONEY or not 0 < minor <= receipt.credit_minor:
        left = Amount(receipt.credit_minor, receipt.currency)
        raise NoSuchCredit(f"{receipt} has {left} left, not {Amount(minor, receipt.currency)}.")
