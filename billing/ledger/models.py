"""The books: accounts, entries and postings; written once, balanced and chained by triggers."""

from functools import partial

from django.db import models
from django.db.models import Q

from erp.base.identifiers import reference
from erp.base.tenancy import TenantQuerySet
from erp.customers.models import Organisation


class Journal(models.TextChoices):
    """Which book an entry is written in."""

    SALES = "VT", "Sales"
    BANK = "BQ", "Bank"
    MISC = "OD", "Miscellaneous"


class Books(models.Model):
    """The books of one organisation, closed before a moment."""

    organisation = models.OneToOneField(Organisation, on_delete=models.PROTECT)
    locked_before_at = models.DateTimeField(null=True)

    objects = TenantQuerySet["Books"].as_manager()

    def __str__(self) -> str:
        return f"books of {self.organisation}"


class Account(models.Model):
    """One account in the books of an organisation."""

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    code = models.CharField(max_length=40)
    name = models.CharField(max_length=100)

    objects = TenantQuerySet["Account"].as_manager()

    class Meta:
        ordering = ["code"]
        constraints = [
            models.UniqueConstraint(fields=["organisation", "code"], name="account_once_per_books")
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.name}"


class Entry(models.Model):
    """One balanced fact in the books; the chain's columns are written by the database.

    `amounts` repeats the postings by account code: it is what the hash covers, and a deferred
    trigger refuses a transaction in which both differ or do not sum to zero.
    """

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    reference = models.CharField(max_length=12, unique=True, default=partial(reference, "E"))
    key = models.CharField(max_length=80)
    journal = models.CharField(max_length=2, choices=Journal.choices)
    currency = models.CharField(max_length=3)
    posted_at = models.DateTimeField()
    description = models.CharField(max_length=200)
    amounts = models.JSONField()
    position = models.BigIntegerField(default=0, editable=False)
    previous_hash = models.CharField(max_length=64, default="", editable=False)
    hash = models.CharField(max_length=64, default="", editable=False)

    objects = TenantQuerySet["Entry"].as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(fields=["organisation", "key"], name="entry_once_per_key"),
            models.UniqueConstraint(
                fields=["organisation", "position"], name="entry_chain_has_one_per_position"
            ),
        ]

    def __str__(self) -> str:
        return self.key


class Posting(models.Model):
    """One leg of an entry: debit positive, credit negative."""

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    entry = models.ForeignKey(Entry, on_delete=models.PROTECT, related_name="postings")
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="postings")
    minor = models.BigIntegerField()

    objects = TenantQuerySet["Posting"].as_manager()

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["entry", "account"], name="posting_once_per_account"),
            models.CheckConstraint(name="posting_not_zero", condition=~Q(minor=0)),
        ]

    def __str__(self) -> str:
        return f"{self.account_id}: {self.minor}"

    @property
    def debit_minor(self) -> int | None:
        """Return the amount when it is a debit."""
        return self.minor if self.minor > 0 else None

    @property
    def credit_minor(self) -> int | None:
        """Return the amount when it is a credit."""
        return -self.minor if self.minor < 0 else None
