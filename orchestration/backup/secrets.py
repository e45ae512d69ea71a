"""The keys of repositories: made here, sealed at rest, and given to the nodes that need them."""

import secrets
from typing import Any

from erp.base.secrets import reveal, seal
from orchestration.backup.models import BackupRepository
from orchestration.nodes.keys import new_key
from orchestration.nodes.models import ComputeNode
from orchestration.nodes.services import user_prefix


def with_keys(repository: BackupRepository) -> BackupRepository:
    """Give a new repository its password and its key."""
    private, repository.public_key = new_key()
    repository.private_key_sealed = seal(private, where=_place(repository, "key"))
    repository.password_sealed = seal(
        secrets.token_urlsafe(32), where=_place(repository, "password")
    )
    return repository


def password_of(repository: BackupRepository) -> str:
    """Return the password without which nothing in the repository can be read."""
    return reveal(repository.password_sealed, where=_place(repository, "password"))


def target_of(repository: BackupRepository) -> dict[str, Any]:
    """Return what a node needs to reach a repository: where, as whom, with which key."""
    store = repository.store
    return {
        "repository": repository.reference,
        "address": store.host,
        "port": store.port,
        "user": store_user(store),
        "host_key": " ".join(store.host_key.split()[:2]),
        "key": reveal(repository.private_key_sealed, where=_place(repository, "key")),
        "password": password_of(repository),
    }


def store_user(node: ComputeNode) -> str:
    """Return the Unix user who holds what other nodes store on this one."""
    return f"{user_prefix(node)}-store"


def _place(repository: BackupRepository, column: str) -> str:
    return f"backup:{repository.reference}:{column}"
