"""Whether a colour can be seen and read on our pages, in words. Pure.

Source: WCAG 2.2, success criteria 1.4.3 (text, 4.5) and 1.4.11 (parts of the interface, 3)
"""

import re
from dataclasses import dataclass

LEAST_SEEN, LEAST_READ = 3.0, 4.5
# Of static/css/tokens.css: what stands behind, and the accent where a brand has none.
SURFACES = {"light": "#ffffff", "dark": "#14181f"}
ACCENTS = {"light": "#4053d6", "dark": "#4c5fe0"}
WHITE, BLACK = "#ffffff", "#000000"
_HEX = re.compile(r"#[0-9a-f]{6}")


@dataclass(frozen=True, slots=True)
class Accent:
    """A colour of buttons in one theme, its shade under the pointer, and the text on it."""

    colour: str
    hover: str
    text: str


def is_colour(written: str) -> bool:
    """Return whether this is a colour as a stylesheet writes it: #0a64c8."""
    return bool(_HEX.fullmatch(written))


def contrast(one: str, other: str) -> float:
    """Return how far two colours are apart, from 1 to 21."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def problem_of(colour: str) -> str:
    """Return why a colour cannot be an accent, and what to do; nothing when it can."""
    seen = contrast(colour, SURFACES["light"])
    if seen >= LEAST_SEEN:
        return ""
    return (
        f"On white, pages and invoices, this colour is hard to see: its contrast is {seen:.1f}, "
        f"and at least {LEAST_SEEN:.0f} is needed. Choose a darker one."
    )


def words_of(colour: str) -> list[str]:
    """Return what a reader should know of a colour that can be an accent."""
    found = [f"On white its contrast is {contrast(colour, SURFACES['light']):.1f}."]
    dark = contrast(colour, SURFACES["dark"])
    if dark < LEAST_SEEN:
        found.append(
            f"In the dark theme it could hardly be seen ({dark:.1f} of {LEAST_SEEN:.0f}): there "
            "buttons keep their usual colour."
        )
    text = "white" if accent_in("light", colour).text == WHITE else "black"
    found.append(f"Words on it are {text}.")
    return found


def accent_in(theme: str, colour: str) -> Accent:
    """Return the accent of a theme: the colour where it can be seen, else the usual one."""
    is_seen = contrast(colour, SURFACES[theme]) >= LEAST_SEEN
    used = colour if is_seen else ACCENTS[theme]
    text = WHITE if contrast(used, WHITE) >= LEAST_READ else BLACK
    # Away from the text: under the pointer it is read no worse.
    return Accent(used, _mixed(used, "#000000" if text == WHITE else "#ffffff"), text)


def _mixed(colour: str, other: str) -> str:
    pairs = [(int(colour[at : at + 2], 16), int(other[at : at + 2], 16)) for at in (1, 3, 5)]
    return "#" + "".join(f"{round(one * 0.85 + two * 0.15):02x}" for one, two in pairs)


def stylesheet(colour: str) -> str:
    """Return what of our stylesheet a brand changes."""
    light, dark = accent_in("light", colour), accent_in("dark", colour)
    values = (
        ("accent", light.colour, dark.colour),
        ("accent-hover", light.hover, dark.hover),
        ("on-accent", light.text, dark.text),
    )
    rules = "".join(f"--{name}:light-dark({one},{two});" for name, one, two in values)
    return f":root{{{rules}}}\n"
