"""The one way from a user to a snapshot, a drill, a move or a takeover."""

from django.shortcuts import get_object_or_404

from erp.base.tenancy import AnyUser
from erp.customers.access import require
from erp.customers.states import Right
from orchestration.backup.models import (
    BackupRepository,
    Drill,
    Relocation,
    Snapshot,
    Takeover,
)
from orchestration.instances.models import Instance


def snapshot_for(user: AnyUser, instance: Instance, pk: int) -> Snapshot:
    """Return a snapshot of an instance that the user was let through to.

    Raises:
        Http404: it has no such snapshot.
    """
    return get_object_or_404(Snapshot.objects.visible_to(user), instance=instance, pk=pk)


def drill_for(user: AnyUser, reference: str, *, right: Right) -> Drill:
    """Return the drill or the copy if the user has this right on it.

    Raises:
        Http404: the user may not even know that it exists.
        PermissionDenied: the user may see it but not do this.
    """
    visible = Drill.objects.visible_to(user).select_related(
        "organisation", "instance__line__contract", "snapshot"
    )
    row = get_object_or_404(visible, reference=reference)
    require(user, row.organisation, right)
    return row


def relocation_for(user: AnyUser, reference: str, *, right: Right) -> Relocation:
    """Return the move, restore or takeover of one instance if the user has this right on it.

    Raises:
        Http404: the user may not even know that it exists.
        PermissionDenied: the user may see it but not do this.
    """
    visible = Relocation.objects.visible_to(user).select_related(
        "organisation", "instance__line", "snapshot"
    )
    row = get_object_or_404(visible, reference=reference)
    require(user, row.organisation, right)
    return row


def takeover_for(user: AnyUser, reference: str, *, right: Right) -> Takeover:
    """Return the takeover of a node if the user has this right on it.

    Raises:
        Http404: the user may not even know that it exists.
        PermissionDenied: the user may see it but not do this.
    """
    visible = Takeover.objects.visible_to(user).select_related("organisation", "node")
    row = get_object_or_404(visible, reference=reference)
    require(user, row.organisation, right)
    return row


def repository_for(user: AnyUser, reference: str, *, right: Right) -> BackupRepository:
    """Return the repository if the user has this right on it.

    Raises:
        Http404: the user may not even know that it exists.
        PermissionDenied: the user may see it but not do this.
    """
    visible = BackupRepository.objects.visible_to(user).select_related("organisation", "store")
    row = get_object_or_404(visible, reference=reference)
    require(user, row.organisation, right)
    return row
