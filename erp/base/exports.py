"""What every CSV export shares."""


class Echo:
    """What csv.writer writes to when its lines are streamed: gives the line back."""

    def write(self, line: str) -> str:
        """Return the line."""
        return line


def harmless(text: str) -> str:
    """Keep a spreadsheet from running a text as a formula."""
    return "'" + text if text and text[0] in "=+-@\t\r" else text
