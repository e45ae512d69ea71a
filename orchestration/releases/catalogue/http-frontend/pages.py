"""The pages that the front end itself answers with, in plain words."""

import html

_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
body {{ font: 18px/1.6 system-ui, sans-serif; max-width: 36rem; margin: 15vh auto;
  padding: 0 1rem }}
</style>
</head>
<body><h1>{title}</h1><p>{text}</p></body>
</html>
"""

UNKNOWN = (
    "No site here",
    "Nothing is served under this name. Look at the address for a slip of the pen; who owns the "
    "name finds on the page of the site which names it has.",
)
UNFIT = (
    "This site is not set up yet",
    "It has no server behind it that may be asked. Who runs the front end sees what is wrong.",
)
LOOP = (
    "This site leads to itself",
    "The server behind the site sends requests back to this front end. Its owner has to enter the "
    "address of the server itself.",
)
# What is said when a site's server does not answer as it should, by status.
ERRORS = {
    413: ("Too large", "What was sent is larger than this site takes."),
    502: (
        "The server of this site does not answer",
        "Try again in a few minutes. Nothing that you could do here would mend it.",
    ),
    503: (
        "This site is busy",
        "It has as many visitors as it can take. Try again in a minute.",
    ),
    504: (
        "The server of this site takes too long",
        "It was asked and did not answer in time. Try again in a few minutes.",
    ),
}


def page(title, text):
    """Return a whole page."""
    return _PAGE.format(title=html.escape(title), text=html.escape(text))
