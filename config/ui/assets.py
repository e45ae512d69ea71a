"""Where static files come from: our own folder, and the font cut out of its package."""

import tempfile
from importlib.resources import as_file, files
from pathlib import Path

# Latin with its extensions, punctuation, currency signs and the arrows that the pages use.
_CHARACTERS = [*range(0x20, 0x250), *range(0x2010, 0x2050), *range(0x20A0, 0x20C1)]
_CHARACTERS += [0x2122, 0x2190, 0x2191, 0x2192, 0x2193, 0x2212, 0x2260, 0x2264, 0x2265, 0x2318]
_FEATURES = ["kern", "liga", "calt", "ccmp", "locl", "mark", "mkmk", "tnum", "case", "cv11", "ss03"]


def static_dirs(base: Path) -> list[Path]:
    """Return the folders of static files; the first call ever cuts the font (5 s, 100 KB)."""
    made = base / "var" / "assets"
    font = made / "fonts" / "inter.woff2"
    if not font.exists():
        cut_font(font)
    return [base / "static", made]


def cut_font(target: Path) -> None:
    """Write Inter's Latin letters as WOFF2, complete or not at all.

    The package ships the whole variable font as an 880 KB TrueType file: too heavy for a page.
    """
    from fontTools import subset

    options = subset.Options(flavor="woff2", layout_features=_FEATURES)
    with as_file(files("fontpkg_inter") / "files" / "Inter[opsz,wght].ttf") as source:
        font = subset.load_font(str(source), options)
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=_CHARACTERS)
    subsetter.subset(font)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=target.parent, suffix=".part", delete=False) as part:
        subset.save_font(font, part.name, options)
    Path(part.name).chmod(0o644)
    Path(part.name).replace(target)
