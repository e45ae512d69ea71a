"""The first lock: which rows a user may see. The second is PostgreSQL's (`erp.base.scope`)."""

from typing import Self, TypeVar

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.db.models import Q

M = TypeVar("M", bound=models.Model)
AnyUser = AbstractBaseUser | AnonymousUser


def paths_of(user: AnyUser) -> list[str]:
    """Return the tree paths of the organisations that the user is a member of; read once."""
    if not user.is_authenticated:
        return []
    memory = vars(user)
    if "_tenant_paths" not in memory:
        members = user.members.select_related("organisation")  # type: ignore[attr-defined]
        memory["_tenant_paths"] = [member.organisation.path for member in members]
    return list(memory["_tenant_paths"])


class TenantQuerySet(models.QuerySet[M]):
    """Rows with an `organisation`."""

    tenant_field = "organisation__path"

    def visible_to(self, user: AnyUser) -> Self:
        """Return the rows of the user's organisations and of all below them."""
        seen = Q(pk__in=[])
        for path in paths_of(user):
            seen |= Q(**{f"{self.tenant_field}__startswith": path})
        return self.filter(seen)
