"""Legal parties in a tree, and the people in them."""

from functools import partial

from django.conf import settings
from django.db import models
from django.db.models import Q

from erp.base.identifiers import reference
from erp.base.tenancy import TenantQuerySet
from erp.customers.states import Kind, Right, Role, rights_given


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
    electronic_address = models.CharField(max_length=100, blank=True)
    iban = models.CharField(max_length=34, blank=True)
    bic = models.CharField(max_length=11, blank=True)
    currency = models.CharField(max_length=3, default="EUR")
    language = models.CharField(max_length=5, default="en")
    time_zone = models.CharField(max_length=40, default="Europe/Paris")
    payment_days = models.PositiveSmallIntegerField(default=30)
    credit_limit_minor = models.BigIntegerField(null=True, blank=True)
    created_at = models.DateTimeField()

    objects = OrganisationQuerySet.as_manager()

    class Meta:
        ordering = ["name", "pk"]
        indexes = [
            models.Index(
                fields=["path"], name="organisation_subtree", opclasses=["varchar_pattern_ops"]
            )
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


class Member(models.Model):
    """A person in an organisation, with one role."""

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="members")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="members"
    )
    role = models.CharField(max_length=20, choices=Role.choices)

    objects = TenantQuerySet["Member"].as_manager()

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
        return rights_given(self.organisation.kind, self.role)
