"""The books: accounts, entries and postings; written once, balanced and chained by triggers."""

from functools import partial

from django.db import models
from django.db.models import F, Q

from billing.ledger.charts import CHARTS
from erp.base.identifiers import reference
from erp.base.tenancy import TenantQuerySet
from erp.customers.models import Organisation


class Journal(models.TextChoices):
    """Which book an entry is written in."""

    SALES = "VT", "Sales"
    BANK = "BQ", "Bank"
    MISC = "OD", "Miscellaneous"
    OPENING = "AN", "Opening"
    CLOSING = "CL", "Closing"


class Books(models.Model):
    """The books of one organisation: their chart, what is closed, and where their chain ends.

    The end of the chain is kept by a trigger, apart from the entries, so that an entry that
    vanishes from the end is missed. Both locks are the first day that is open.
    """

    organisation = models.OneToOneField(Organisation, on_delete=models.PROTECT)
    chart = models.CharField(
        max_length=10, choices=[(key, one.name) for key, one in CHARTS.items()]
    )
    year_starts_month = models.PositiveSmallIntegerField(default=1)
    soft_locked_before_on = models.DateField(null=True)
    locked_before_on = models.DateField(null=True)
    last_position = models.BigIntegerField(default=0, editable=False)
    last_hash = models.CharField(max_length=64, default="", editable=False)

    objects = TenantQuerySet["Books"].as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="books_year_starts_in_a_month",
                condition=Q(year_starts_month__gte=1, year_starts_month__lte=12),
            )
        ]

    def __str__(self) -> str:
        return f"books of {self.organisation}"


class PartAccount(models.Model):
    """From a day on, a part of the chart is booked on another account."""

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    part = models.CharField(max_length=40)
    code = models.CharField(max_length=20)
    name = models.CharField(max_length=80)
    from_on = models.DateField()

    objects = TenantQuerySet["PartAccount"].as_manager()

    class Meta:
        ordering = ["from_on", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "part", "from_on"], name="part_has_one_account_per_day"
            )
        ]

    def __str__(self) -> str:
        return f"{self.part} on {self.code}"


class Account(models.Model):
    """One account in the books of an organisation.

    Args:
        part: what it is used for by the system; empty for an account that only people book on.
        party: whose receivable it is.
        debtor_number: what programs call a customer's account that know digits only.
    """

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    code = models.CharField(max_length=40)
    name = models.CharField(max_length=100)
    nature = models.CharField(max_length=10)
    part = models.CharField(max_length=20, blank=True)
    party = models.ForeignKey(
        Organisation, null=True, on_delete=models.PROTECT, related_name="receivable_accounts"
    )
    debtor_number = models.PositiveIntegerField(null=True)

    objects = TenantQuerySet["Account"].as_manager()

    class Meta:
        ordering = ["code"]
        constraints = [
            models.UniqueConstraint(fields=["organisation", "code"], name="account_once_per_books"),
            models.UniqueConstraint(
                fields=["organisation", "debtor_number"], name="account_debtor_number_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.name}"

    @property
    def general_code(self) -> str:
        """Return the account without the customer for whom it is kept."""
        return self.code.partition(".")[0] if self.party_id else self.code


class Entry(models.Model):
    """One balanced fact in the books; number and chain are written by the database.

    `amounts` repeats the postings by account code: it is what the hash covers, and a deferred
    trigger refuses a transaction in which both differ or do not sum to zero. `position` counts all
    entries of the books, `number` those of one journal in one year; neither has a gap.
    """

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    reference = models.CharField(max_length=12, unique=True, default=partial(reference, "E"))
    key = models.CharField(max_length=80)
    journal = models.CharField(max_length=2, choices=Journal.choices)
    currency = models.CharField(max_length=3)
    posted_at = models.DateTimeField()
    posted_on = models.DateField()
    description = models.CharField(max_length=200)
    amounts = models.JSONField()
    piece = models.CharField(max_length=40, blank=True)
    piece_on = models.DateField(null=True)
    reverses = models.OneToOneField(
        "self", null=True, on_delete=models.PROTECT, related_name="reversed_by"
    )
    recorded_at = models.DateTimeField(null=True, editable=False)
    fiscal_year = models.PositiveSmallIntegerField(default=0, editable=False)
    number = models.BigIntegerField(default=0, editable=False)
    position = models.BigIntegerField(default=0, editable=False)
    previous_hash = models.CharField(max_length=64, default="", editable=False)
    hash = models.CharField(max_length=64, default="", editable=False)

    objects = TenantQuerySet["Entry"].as_manager()

    class Meta:
        ordering = ["-pk"]
        indexes = [models.Index(fields=["organisation", "posted_on"], name="entry_by_day")]
        constraints = [
            models.UniqueConstraint(fields=["organisation", "key"], name="entry_once_per_key"),
            models.UniqueConstraint(
                fields=["organisation", "position"], name="entry_chain_has_one_per_position"
            ),
            models.UniqueConstraint(
                fields=["organisation", "fiscal_year", "journal", "number"],
                name="entry_number_once",
            ),
        ]

    def __str__(self) -> str:
        return self.key

    @property
    def full_number(self) -> str:
        """Return how the entry is called in its journal: `VT-2026-000012`."""
        return f"{self.journal}-{self.fiscal_year}-{self.number:06d}"


class Lettering(models.Model):
    """Postings of one account that settle each other, under a code of letters."""

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="letterings")
    number = models.PositiveIntegerField()
    code = models.CharField(max_length=8)
    on = models.DateField()
    at = models.DateTimeField()
    by = models.CharField(max_length=150)
    undone_at = models.DateTimeField(null=True)
    undone_by = models.CharField(max_length=150, blank=True)

    objects = TenantQuerySet["Lettering"].as_manager()

    class Meta:
        indexes = [models.Index(fields=["organisation", "on"], name="lettering_by_day")]
        constraints = [
            models.UniqueConstraint(fields=["account", "number"], name="lettering_number_once")
        ]

    def __str__(self) -> str:
        return self.code


class Posting(models.Model):
    """One leg of an entry: debit positive, credit negative. Only its lettering may change.

    Day and currency repeat the entry's (a trigger compares them), so that sums by account read one
    index. On a customer's account `item` names the document that the leg opens or settles, and
    `due_on` when that is due.
    """

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    entry = models.ForeignKey(Entry, on_delete=models.PROTECT, related_name="postings")
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="postings")
    minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    posted_on = models.DateField()
    item = models.CharField(max_length=40, blank=True)
    due_on = models.DateField(null=True)
    lettering = models.ForeignKey(
        Lettering, null=True, on_delete=models.PROTECT, related_name="postings"
    )

    objects = TenantQuerySet["Posting"].as_manager()

    class Meta:
        ordering = ["pk"]
        indexes = [
            models.Index(
                fields=["account", "currency", "posted_on", "id"],
                include=["minor"],
                name="posting_of_account",
            ),
            models.Index(
                fields=["organisation", "account"],
                include=["currency", "posted_on", "due_on", "minor"],
                condition=Q(due_on__isnull=False, lettering=None),
                name="posting_open",
            ),
        ]
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


class Deferral(models.Model):
    """What one entry deferred to one month, credit positive; released once, by one entry."""

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    entry = models.ForeignKey(Entry, on_delete=models.PROTECT, related_name="deferrals")
    revenue_account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+")
    deferred_account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+")
    currency = models.CharField(max_length=3)
    month_on = models.DateField()
    minor = models.BigIntegerField()
    released_by = models.ForeignKey(
        Entry, null=True, on_delete=models.PROTECT, related_name="released"
    )

    objects = TenantQuerySet["Deferral"].as_manager()

    class Meta:
        ordering = ["month_on", "pk"]
        indexes = [
            models.Index(
                fields=["month_on"], condition=Q(released_by=None), name="deferral_waiting"
            )
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["entry", "revenue_account", "month_on"], name="deferral_once_per_month"
            ),
            models.CheckConstraint(
                name="deferral_of_something",
                condition=~Q(minor=0) & ~Q(revenue_account=F("deferred_account")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.month_on:%Y-%m}: {self.minor}"


class Anchor(models.Model):
    """How many entries the books had, and the hash of the newest, kept apart from the chain."""

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    position = models.BigIntegerField()
    hash = models.CharField(max_length=64)
    at = models.DateTimeField()
    why = models.CharField(max_length=100)

    objects = TenantQuerySet["Anchor"].as_manager()

    class Meta:
        ordering = ["-position"]
        constraints = [
            models.UniqueConstraint(fields=["organisation", "position"], name="anchor_once")
        ]

    def __str__(self) -> str:
        return f"{self.position} {self.hash}"
