"""Found organisations, and make people members of them."""

from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from erp.base.errors import DomainError
from erp.base.journal import record
from erp.base.money import check_currency
from erp.customers.models import Member, Organisation
from erp.customers.states import ROLES, Kind, Role


class WrongParent(DomainError):
    """An organisation of this kind cannot stand there in the tree."""

    code = "wrong_parent"


class AlreadyFounded(DomainError):
    """There is a provider already: one Master serves one provider."""

    code = "already_founded"


class WrongRole(DomainError):
    """This kind of organisation does not give this role."""

    code = "wrong_role"


class AlreadyMember(DomainError):
    """This person is a member already."""

    code = "already_member"


@transaction.atomic
def found_provider(*, name: str, at: datetime, by: str, **facts: Any) -> Organisation:
    """Found the root of the tree, once.

    Raises:
        AlreadyFounded: it exists.
    """
    try:
        with transaction.atomic():
            return _add(Kind.PROVIDER, None, name=name, at=at, by=by, **facts)
    except IntegrityError as error:
        raise AlreadyFounded from error


def add_reseller(
    provider: Organisation, *, name: str, at: datetime, by: str, **facts: Any
) -> Organisation:
    """Add a reseller below the provider.

    Raises:
        WrongParent: the parent is not the provider.
    """
    if provider.kind != Kind.PROVIDER:
        raise WrongParent("A reseller stands directly below the provider.")
    return _add(Kind.RESELLER, provider, name=name, at=at, by=by, **facts)


def add_customer(
    parent: Organisation, *, name: str, at: datetime, by: str, **facts: Any
) -> Organisation:
    """Add a customer below the provider or a reseller: its parent is its seller.

    Raises:
        WrongParent: a customer has no customers of its own.
    """
    if parent.kind == Kind.CUSTOMER:
        raise WrongParent("A customer has no customers of its own.")
    return _add(Kind.CUSTOMER, parent, name=name, at=at, by=by, **facts)


@transaction.atomic
def _add(
    kind: Kind, parent: Organisation | None, *, at: datetime, by: str, **facts: Any
) -> Organisation:
    organisation = Organisation(kind=kind, parent=parent, created_at=at, **facts)
    check_currency(organisation.currency)
    above = parent.path if parent else ""
    organisation.path = f"{above}{organisation.reference}/"
    organisation.save(force_insert=True)
    record(organisation, "founded", at=at, by=by)
    return organisation


@transaction.atomic
def change_facts(organisation: Organisation, *, at: datetime, by: str, **facts: Any) -> None:
    """Change what is known of a party; the journal keeps what it was before.

    Changing to the same changes nothing.
    """
    stored = Organisation.objects.select_for_update().get(pk=organisation.pk)
    before = {name: getattr(stored, name) for name in facts}
    changed = sorted(name for name, value in facts.items() if before[name] != value)
    if not changed:
        return
    Organisation.objects.filter(pk=stored.pk).update(**{name: facts[name] for name in changed})
    details = {
        "before": {name: before[name] for name in changed},
        "after": {name: facts[name] for name in changed},
    }
    words = ", ".join(name.removesuffix("_minor").replace("_", " ") for name in changed)
    record(stored, "changed", at=at, by=by, why=words, **details)


@transaction.atomic
def add_member(
    organisation: Organisation,
    *,
    email: str,
    role: Role,
    at: datetime,
    by: str,
    password: str | None = None,
) -> Member:
    """Make a person a member; a new person gets an account with this mail address.

    Raises:
        WrongRole: the role does not exist in this kind of organisation.
        AlreadyMember: the person has a role in it.
    """
    if role not in ROLES[organisation.kind]:
        raise WrongRole(f"A {organisation.kind} has no {Role(role).label} role.")
    email = User.objects.normalize_email(email).lower()
    user, is_new = User.objects.get_or_create(username=email, defaults={"email": email})
    if is_new:
        user.set_password(password)
        user.save(update_fields=["password"])
    member, is_added = Member.objects.get_or_create(
        organisation=organisation, user=user, defaults={"role": role}
    )
    if not is_added:
        raise AlreadyMember(f"{email} is a member of {organisation.name} already.")
    record(organisation, "member_added", at=at, by=by, email=email, role=str(role))
    return member
