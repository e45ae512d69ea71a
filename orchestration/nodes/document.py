"""The document of a node at rest: sealed, for it holds the secrets of all that runs there."""

import base64
import json
import zlib
from collections.abc import Mapping
from typing import Any

from erp.base.secrets import reveal, seal
from orchestration.nodes.models import ComputeNode


def sealed(node: ComputeNode, document: Mapping[str, Any]) -> str:
    """Return a document as it is stored; it repeats itself and is made small first."""
    packed = zlib.compress(json.dumps(document).encode(), level=1)
    return seal(base64.b64encode(packed).decode(), where=_place(node))


def stored(node: ComputeNode) -> Mapping[str, Any] | None:
    """Return the document that the node should have; None before the first was made."""
    if not node.desired_sealed:
        return None
    packed = base64.b64decode(reveal(node.desired_sealed, where=_place(node)))
    document: Mapping[str, Any] = json.loads(zlib.decompress(packed))
    return document


def _place(node: ComputeNode) -> str:
    return f"node:{node.reference}:desired"
