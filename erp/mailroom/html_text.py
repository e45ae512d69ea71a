"""HTML of a mail as text: what a reader sees, never markup.

Pure. The result is text and is escaped wherever it is shown, so nothing in it can act.
"""

import re
from html.parser import HTMLParser

# Beyond this nothing is read: mails are written by people.
MOST_SIGNS = 200_000
_BREAKS = frozenset(
    {"br", "p", "div", "tr", "table", "ul", "ol", "h1", "h2", "h3", "h4", "h5", "h6", "pre", "hr"}
)
_UNSEEN = frozenset({"script", "style", "head", "title", "template", "noscript", "svg", "object"})
_SPACES = re.compile(r"[ \t\r\f\v\u00a0]+")


class _Text(HTMLParser):
    """Collects lines; quotes are marked with `>` as in a text mail."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.lines: list[str] = [""]
        self.depth = 0
        self.unseen = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin a line where the reader sees one."""
        if tag in _UNSEEN:
            self.unseen += 1
        elif tag == "blockquote":
            self.depth += 1
            self._break()
        elif tag in _BREAKS:
            self._break()
        elif tag == "li":
            self._break()
            self._add("- ")

    def handle_endtag(self, tag: str) -> None:
        """End a quote, or what nobody sees."""
        if tag in _UNSEEN:
            self.unseen = max(self.unseen - 1, 0)
        elif tag == "blockquote":
            self._break()
            self.depth = max(self.depth - 1, 0)
            self._break()
        elif tag in _BREAKS - {"br"}:
            self._break()

    def handle_data(self, data: str) -> None:
        """Add words; line ends in the source are spaces."""
        if not self.unseen:
            self._add(_SPACES.sub(" ", data.replace("\n", " ")))

    def _break(self) -> None:
        self.lines.append("> " * min(self.depth, 5))

    def _add(self, words: str) -> None:
        at_start = not self.lines[-1].strip("> ")
        self.lines[-1] += words.lstrip() if at_start else words


def as_text(html: str) -> str:
    """Return what a reader of the HTML sees."""
    parser = _Text()
    parser.feed(html[:MOST_SIGNS])
    parser.close()
    lines = [line.rstrip() for line in parser.lines if line.strip("> ")]
    return "\n".join(lines)
