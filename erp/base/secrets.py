"""Secrets at rest: AES-GCM, each bound to its table, row and column by the associated data.

Format: version byte, key id byte, 12 bytes nonce, ciphertext with tag; base64 in a text column.
"""

import base64
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

from erp.base.errors import DomainError

_VERSION = 1
_KEY_ID = 1


class SecretUnreadable(DomainError):
    """A stored secret cannot be read with this key: was TENANTRY_FIELD_KEY changed?"""

    code = "secret_unreadable"
    status = 500


def seal(plain: str, *, where: str) -> str:
    """Encrypt; `where` names table, row and column, e.g. `node:N-7K2M9QXA:key`."""
    nonce = os.urandom(12)
    sealed = AESGCM(settings.FIELD_KEY).encrypt(nonce, plain.encode(), where.encode())
    return base64.b64encode(bytes([_VERSION, _KEY_ID]) + nonce + sealed).decode()


def reveal(sealed: str, *, where: str) -> str:
    """Decrypt what `seal` made for the same place.

    Raises:
        SecretUnreadable: another key or another place.
    """
    raw = base64.b64decode(sealed)
    try:
        return AESGCM(settings.FIELD_KEY).decrypt(raw[2:14], raw[14:], where.encode()).decode()
    except InvalidTag as error:
        raise SecretUnreadable from error
