"""How the JSON door reads; apart from `api`, which needs views, which need their parsers."""

from typing import Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser


class ShallowJSON(JSONParser):
    """JSON that ends: what is nested deeper than Python follows is malformed."""

    def parse(self, *args: Any, **kwargs: Any) -> Any:
        """Return the value.

        Raises:
            ParseError: it is no JSON, or nested too deeply.
        """
        try:
            return super().parse(*args, **kwargs)
        except RecursionError as error:
            raise ParseError("The JSON is nested too deeply.") from error
