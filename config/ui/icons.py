"""Icons drawn into the page, read once from the heroicons package."""

import re
from functools import lru_cache
from importlib.resources import files
from zipfile import ZipFile

from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

_OUTER = re.compile(r"<svg\b[^>]*>(.*)</svg>", re.DOTALL)
_BOX = {"micro": 16, "mini": 20, "solid": 24, "outline": 24}


@lru_cache(maxsize=256)
def icon_svg(name: str, style: str, size: int, label: str) -> SafeString:
    """Return one icon as inline SVG: decoration without a label, an image with one.

    Raises:
        KeyError: heroicons has no such icon.
    """
    with ZipFile((files("heroicons") / "heroicons.zip").open("rb")) as archive:
        found = _OUTER.search(archive.read(f"{style}/{name}.svg").decode())
    assert found is not None, "every heroicon is one svg element"
    paint = 'fill="none" stroke="currentColor" stroke-width="1.6"'
    paint = paint if style == "outline" else 'fill="currentColor"'
    return format_html(
        '<svg class="icon" width="{}" height="{}" viewBox="0 0 {} {}" {} {}>{}</svg>',
        size,
        size,
        _BOX[style],
        _BOX[style],
        mark_safe(paint),  # noqa: S308 (a constant of this file)
        format_html('role="img" aria-label="{}"', label)
        if label
        else mark_safe('aria-hidden="true"'),
        mark_safe(found.group(1).strip()),  # noqa: S308 (comes from the pinned package)
    )
