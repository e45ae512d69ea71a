"""Legal parties in a tree, and the people in them."""

from functools import partial

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from erp.base.identifiers import reference
from erp.base.prefix import small_letters
from erp.base.tenancy import TenantQuerySet
from erp.customers.states import InvoiceFormat, Kind, Right, Role, rights_given


class OrganisationQuerySet(TenantQuerySet["Organisation"]):
    """Organisations are their own tenants."""

    tenant_field = "path"


class Organisation(models.Model):
    """A legal party: the provider itself, a reseller, a customer (provider > reseller > customer).

    `path` holds the references from the root down, each followed by a slash, so that a subtree is
    a prefix: `O-AAAAAAAA/O-BBBBBBBB/`.
    """

    reference = models.CharField(max_length=12, unique=True, default=partial(reference, "O"))
    kind = models.CharField(max_length=10, choices=Kind.choices)
    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="children"
    )
    path = models.CharField(max_length=120, unique=True)
    name = models.CharField(max_length=200)
    legal_id = models.CharField(max_length=40, blank=True)
    vat_number = models.CharField(max_length=20, blank=True)
    street = models.CharField(max_length=200, blank=True)
    postcode = models.CharField(max_length=20, blank=True)
    city = models.CharField(max_length=100, blank=True)
    country = models.CharField(max_length=2)
    email = models.EmailField()
    phone = models.CharField(max_length=40, blank=True)
    electronic_address = models.CharField(max_length=100, blank=True)
    invoice_format = models.CharField(
        max_length=10, choices=InvoiceFormat.choices, default=InvoiceFormat.FACTUR_X
    )
    buyer_reference = models.CharField(max_length=60, blank=True)
    iban = models.CharField(max_length=34, blank=True)
    bic = models.CharField(max_length=11, blank=True)
    currency = models.CharField(max_length=3, default="EUR")
    language = models.CharField(max_length=5, default="en")
    time_zone = models.CharField(max_length=40, default="Europe/Paris")
    payment_days = models.PositiveSmallIntegerField(default=30)
    credit_limit_minor = models.BigIntegerField(null=True, blank=True)
    created_at = models.DateTimeField()
    search_name = small_letters("name", max_length=200)

    objects = OrganisationQuerySet.as_manager()

    class Meta:
        ordering = ["name", "pk"]
        indexes = [
            models.Index(
                fields=["path"], name="organisation_subtree", opclasses=["varchar_pattern_ops"]
            ),
            models.Index(fields=["search_name"], name="organisation_search"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["kind"], condition=Q(kind=Kind.PROVIDER), name="organisation_one_provider"
            ),
            models.CheckConstraint(
                condition=Q(kind=Kind.PROVIDER, parent=None)
                | (~Q(kind=Kind.PROVIDER) & Q(parent__isnull=False)),
                name="organisation_only_the_provider_is_a_root",
            ),
            models.CheckConstraint(
                condition=Q(credit_limit_minor=None) | Q(credit_limit_minor__gte=0),
                name="organisation_credit_limit_not_negative",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def organisation_id(self) -> int:
        """An organisation is its own tenant."""
        return self.pk


class Logo(models.Model):
    """A picture as it was drawn anew; documents name it by its hash, so it never changes."""

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="logos")
    sha256 = models.CharField(max_length=64)
    png = models.BinaryField()
    width = models.PositiveSmallIntegerField()
    height = models.PositiveSmallIntegerField()

    objects = TenantQuerySet["Logo"].as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organisation", "sha256"], name="logo_once")]

    def __str__(self) -> str:
        return self.sha256[:8]


class Brand(models.Model):
    """What a seller shows of itself to its customers, on pages, mails and documents."""

    organisation = models.OneToOneField(
        Organisation, on_delete=models.PROTECT, related_name="brand"
    )
    name = models.CharField(max_length=60)
    colour = models.CharField(max_length=7, blank=True)
    logo = models.ForeignKey(Logo, null=True, blank=True, on_delete=models.PROTECT)
    reply_to = models.EmailField(blank=True)
    terms = models.TextField(max_length=1000, blank=True)
    changed_at = models.DateTimeField()

    objects = TenantQuerySet["Brand"].as_manager()

    def __str__(self) -> str:
        return self.name


class Member(models.Model):
    """A person in an organisation, with one role."""

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="members")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="members"
    )
    role = models.CharField(max_length=20, choices=Role.choices)

    objects = TenantQuerySet["Member"].as_manager()

    # Of an object that an API token brought: what the token permits of the role's rights.
    limited_to: frozenset[Right] | None = None

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "user"], name="member_one_role_per_organisation"
            )
        ]

    def __str__(self) -> str:
        return f"{self.user} ({self.role})"

    @property
    def rights(self) -> frozenset[Right]:
        """Return what the person may do in the organisation and in all below it."""
        given = rights_given(self.organisation.kind, self.role)
        return given if self.limited_to is None else given & self.limited_to


class ApiToken(models.Model):
    """What a machine shows instead of a session: it acts for a member, with part of their rights.

    Only the hash of the token is kept. What it permits is never more than what the role of the
    member gives at the moment of the call.
    """

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="tokens")
    member = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="tokens")
    reference = models.CharField(max_length=12, unique=True, default=partial(reference, "K"))
    name = models.CharField(max_length=60)
    token_hash = models.CharField(max_length=64, unique=True)
    scopes = ArrayField(models.CharField(max_length=20))
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    objects = TenantQuerySet["ApiToken"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["member", "name"],
                condition=Q(revoked_at=None),
                name="apitoken_one_name_per_member",
            ),
            models.CheckConstraint(
                condition=Q(expires_at=None) | Q(expires_at__gt=models.F("created_at")),
                name="apitoken_expires_after_it_is_made",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ApiReply(models.Model):
    """What a call with an Idempotency-Key was answered: its repeat gets the same bytes.

    `request_hash` names the call (method, path and body), `rights` what the member might do then:
    who may do less now is not answered from here. Kept for a month, see `erp.customers.replies`.
    """

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    member = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="replies")
    key = models.CharField(max_length=80)
    request_hash = models.CharField(max_length=64)
    rights = ArrayField(models.CharField(max_length=20))
    status = models.PositiveSmallIntegerField()
    body = models.TextField()
    created_at = models.DateTimeField()

    objects = TenantQuerySet["ApiReply"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["member", "key"], name="apireply_once_per_key")
        ]
        indexes = [models.Index(fields=["created_at"], name="apireply_old")]

    def __str__(self) -> str:
        return self.key
