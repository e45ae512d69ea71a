"""Every text on every background where it may stand, in both themes (WCAG 2.2 AA: 4.5)."""

import re
from pathlib import Path

import pytest
from django.conf import settings

_TOKEN = re.compile(r"--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)")
TOKENS = {
    name: {"light": light, "dark": dark}
    for name, light, dark in _TOKEN.findall(
        (Path(settings.BASE_DIR) / "static/css/tokens.css").read_text()
    )
}
GROUNDS = ("bg", "surface", "sunken", "hover", "idle-soft")
PAIRS = [
    *((text, ground) for text in ("text", "muted", "link") for ground in GROUNDS),
    ("bad", "surface"),
    ("ok", "surface"),
    ("warn", "surface"),
    *((tone, f"{tone}-soft") for tone in ("ok", "warn", "bad", "busy", "idle")),
    ("link", "accent-soft"),
    ("text", "accent-soft"),
    *(("on-accent", ground) for ground in ("accent", "accent-hover")),
    *(("on-danger", ground) for ground in ("danger", "danger-hover")),
    ("bg", "text"),
]


def _luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), PAIRS)
def test_text_can_be_read(text: str, ground: str, theme: str) -> None:
    assert contrast(TOKENS[text][theme], TOKENS[ground][theme]) >= 4.5


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("line", ["border-input", "series-1", "series-2", "series-3"])
def test_lines_that_mean_something_can_be_seen(line: str, theme: str) -> None:
    assert contrast(TOKENS[line][theme], TOKENS["surface"][theme]) >= 3
