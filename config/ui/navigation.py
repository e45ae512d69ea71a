"""The places of the navigation, in groups; settings.NAVIGATION replaces the list."""

from dataclasses import dataclass

from django.conf import settings
from django.urls import NoReverseMatch, reverse


@dataclass(frozen=True, slots=True)
class Entry:
    """One place: shown to those who have one of its rights, when its URL exists."""

    label: str
    url_name: str
    icon: str
    rights: frozenset[str]
    group: str = ""


def _entry(group: str, label: str, url_name: str, icon: str, *rights: str) -> Entry:
    return Entry(label, url_name, icon, frozenset(rights), group)


ENTRIES: tuple[Entry, ...] = (
    _entry("", "Services", "services:list", "cube", "see"),
    _entry("", "Catalogue", "catalogue:list", "squares-2x2", "order", "manage_prices"),
    _entry("", "Orders", "orders:list", "shopping-cart", "order", "decide_orders"),
    _entry("", "Inbox", "tickets:inbox", "inbox", "answer_tickets"),
    _entry("", "Tickets", "tickets:list", "lifebuoy", "write_tickets", "answer_tickets"),
    _entry("Money", "Invoices", "invoices:list", "document-text", "see_invoices"),
    _entry("Money", "Billing runs", "billing-runs:list", "calculator", "run_billing"),
    _entry("Money", "Payments", "payments:list", "banknotes", "pay", "run_billing"),
    _entry("Money", "Bank", "bank:list", "building-library", "run_billing"),
    _entry("Money", "Direct debits", "sepa:list", "arrows-right-left", "run_billing"),
    _entry("Money", "Dunning", "dunning:desk", "bell-alert", "run_billing"),
    _entry("Money", "Service credits", "service-credits:list", "shield-check", "run_billing"),
    _entry("Money", "Ledger", "ledger:list", "book-open", "see_ledger"),
    _entry("Machines", "Nodes", "nodes:list", "server-stack", "operate"),
    _entry("Machines", "Instances", "instances:list", "cpu-chip", "operate"),
    _entry("Machines", "Backups", "backup:overview", "shield-check", "operate"),
    _entry("Machines", "Releases", "releases:list", "archive-box", "operate"),
    _entry(
        "Machines", "Maintenance", "maintenance:list", "wrench-screwdriver", "operate"
    ),
    _entry("Machines", "Campaigns", "campaigns:list", "rocket-launch", "operate"),
    _entry("Machines", "Windows", "windows:list", "calendar-days", "operate"),
    _entry("Machines", "Status page", "status", "signal", "operate"),
    _entry(
        "People", "Organisations", "organisations:list", "building-office-2",
        "manage_customers", "manage_members", "operate", "run_billing",
    ),
    _entry(
        "People", "Sent mails", "mails:list", "envelope",
        "manage_members", "manage_customers", "answer_tickets",
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Link:
    """An entry that this reader may open."""

    label: str
    url: str
    icon: str
    current: bool


@dataclass(frozen=True, slots=True)
class Group:
    """Links under one heading; the first group has none."""

    title: str
    links: tuple[Link, ...]


def groups_for(rights: frozenset[str], path: str) -> tuple[Group, ...]:
    """Return the navigation of a reader with these rights who is at this path."""
    open_to = [
        (entry, url)
        for entry in getattr(settings, "NAVIGATION", ENTRIES)
        if (url := _address(entry.url_name)) and (not entry.rights or entry.rights & rights)
    ]
    # One place stands inside another: the reader is at the inner one.
    here = max(
        (url for _, url in open_to if path.startswith(url) and url != "/"), default="", key=len
    )
    found: dict[str, list[Link]] = {}
    for entry, url in open_to:
        link = Link(entry.label, url, entry.icon, url == here)
        found.setdefault(entry.group, []).append(link)
    return tuple(Group(title, tuple(links)) for title, links in found.items())


def _address(url_name: str) -> str:
    """Return the URL, or nothing while the page does not exist."""
    try:
        return reverse(url_name)
    except NoReverseMatch:
        return ""
