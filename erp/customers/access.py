"""Who may see and do what: the one way from a user to organisations and rights."""

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404

from erp.base.tenancy import AnyUser
from erp.customers.branding import brand_of
from erp.customers.models import ApiToken, Brand, Member, Organisation
from erp.customers.states import Kind, Right


def memberships_of(user: AnyUser) -> list[Member]:
    """Return the user's memberships with their organisations; read once per user object."""
    if not user.is_authenticated:
        return []
    if "_memberships" not in vars(user):
        # With what every page shows of their seller.
        shown = ("organisation__brand", "organisation__parent__brand")
        remember(user, list(Member.objects.filter(user_id=user.pk).select_related(*shown)))
    return list(vars(user)["_memberships"])


def remember(user: AnyUser, members: list[Member]) -> None:
    """Have this user object act under these memberships and no others."""
    vars(user)["_memberships"] = members
    vars(user)["_tenant_paths"] = [member.organisation.path for member in members]


def organisations_of(user: AnyUser) -> list[int]:
    """Return the keys of the organisations that the user is a member of."""
    return [member.organisation_id for member in memberships_of(user)]


def rights_of(user: AnyUser, organisation: Organisation) -> frozenset[Right]:
    """Return the user's rights on an organisation: from a membership in it or above it."""
    rights: frozenset[Right] = frozenset()
    for member in memberships_of(user):
        if organisation.path.startswith(member.organisation.path):
            rights |= member.rights
    return rights


def sellers_for(user: AnyUser, right: Right) -> list[Organisation]:
    """Return the provider and resellers on which the user has the right, from the root down."""
    sellers: dict[int, Organisation] = {}
    for member in memberships_of(user):
        if right in member.rights:
            below = Organisation.objects.filter(path__startswith=member.organisation.path)
            sellers |= {one.pk: one for one in below.exclude(kind=Kind.CUSTOMER).order_by("path")}
    return list(sellers.values())


def all_rights_of(user: AnyUser) -> frozenset[Right]:
    """Return the rights that the user has anywhere: for menus, never for a decision."""
    rights: frozenset[Right] = frozenset()
    for member in memberships_of(user):
        rights |= member.rights
    return rights


def require(user: AnyUser, organisation: Organisation, right: Right) -> None:
    """Refuse unless the user has the right on the organisation.

    Raises:
        PermissionDenied: the user may see it but not do this.
    """
    if right not in rights_of(user, organisation):
        raise PermissionDenied


def organisation_for(user: AnyUser, reference: str, *, right: Right) -> Organisation:
    """Return the organisation if the user has this right on it.

    Raises:
        Http404: the user may not even know that it exists.
        PermissionDenied: the user may see it but not do this.
    """
    organisation = get_object_or_404(Organisation.objects.visible_to(user), reference=reference)
    require(user, organisation, right)
    return organisation


def brand_served_to(user: AnyUser) -> Brand | None:
    """Return the brand under which the user is served, in the first of their organisations."""
    members = memberships_of(user)
    return brand_of(members[0].organisation) if members else None


def may_edit(user: AnyUser, organisation: Organisation) -> bool:
    """Return whether the user keeps its billing facts: its own head, or who sells to it."""
    rights = rights_of(user, organisation)
    return bool(rights & {Right.MANAGE_MEMBERS, Right.MANAGE_CUSTOMERS})


def may_grant(user: AnyUser, organisation: Organisation) -> bool:
    """Return whether the user sets its terms: nobody grants credit to their own organisation."""
    seller = organisation.parent
    return seller is not None and Right.MANAGE_CUSTOMERS in rights_of(user, seller)


def tokens_for(user: AnyUser, organisation: Organisation) -> QuerySet[ApiToken]:
    """Return the API tokens that the user may revoke: their own; all, for who manages members."""
    tokens = ApiToken.objects.visible_to(user).filter(organisation=organisation)
    if Right.MANAGE_MEMBERS not in rights_of(user, organisation):
        tokens = tokens.filter(member__in=memberships_of(user))
    return tokens.select_related("member__user").order_by("-pk")


def member_in(user: AnyUser, organisation: Organisation) -> Member | None:
    """Return the user's membership in this very organisation, not one above it."""
    mine = (one for one in memberships_of(user) if one.organisation_id == organisation.pk)
    return next(mine, None)
