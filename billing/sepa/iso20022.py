"""Read XML of ISO 20022 whatever its version: names are compared without their namespace. Pure."""

from lxml import etree

from erp.base.errors import DomainError

Element = etree._Element


class BadFile(DomainError):
    """This is no bank file that can be read."""

    code = "bad_bank_file"
    status = 422


def tidy(text: str, most: int = 500) -> str:
    """Return a text on one line, without what cannot be printed, at most so long."""
    printable = "".join(sign if sign.isprintable() else " " for sign in text)
    return " ".join(printable.split())[:most]


def tree_of(content: bytes) -> Element:
    """Parse XML that may name nothing outside itself.

    Raises:
        BadFile: it is not well-formed, or declares a document type.
    """
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False
    )
    try:
        root = etree.fromstring(content, parser)
    except etree.XMLSyntaxError as error:
        raise BadFile(f"This is no well-formed XML: {tidy(str(error), 120)}.") from error
    if root.getroottree().docinfo.doctype:  # type: ignore[union-attr]
        raise BadFile("XML of a bank declares no document type: this file is not read.")
    return root


def name_of(element: Element) -> str:
    """Return the local name of an element; a comment has none."""
    return etree.QName(element).localname if isinstance(element.tag, str) else ""


def all_of(element: Element, path: str) -> list[Element]:
    """Return the descendants at a path of local names."""
    found = [element]
    for step in path.split("/"):
        found = [child for one in found for child in one if name_of(child) == step]
    return found


def text_of(element: Element, *paths: str) -> str:
    """Return the text at the first of these paths that has one."""
    for path in paths:
        for one in all_of(element, path):
            if one.text and one.text.strip():
                return str(one.text).strip()
    return ""
