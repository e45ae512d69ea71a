"""How the JSON door takes a file: its bytes as the body, not in a form."""

from typing import IO, Any, ClassVar

from rest_framework.parsers import BaseParser
from rest_framework.request import Request

OCTETS = "application/octet-stream"


class Bytes(BaseParser):
    """A body of bytes, read no further than `most`; what is longer is given one byte longer."""

    media_type = OCTETS
    most: ClassVar[int] = 0

    def parse(self, stream: IO[Any], media_type: Any = None, parser_context: Any = None) -> Any:
        """Return the bytes."""
        content: bytes = stream.read(self.most + 1)
        return content


def body_of(request: Request) -> bytes:
    """Return the bytes that were sent; an empty body is no bytes."""
    sent: Any = request.data
    return sent if isinstance(sent, bytes) else b""


def bytes_up_to(most: int) -> type[Bytes]:
    """Return a parser of bodies of so many bytes at most."""
    return type("BytesUpTo", (Bytes,), {"most": most})
