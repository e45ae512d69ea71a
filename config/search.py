"""Find anything by its number, reference, name or mail address: one page, and the ⌘K box."""

from dataclasses import dataclass

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from erp.base.doors import UserRequest
from erp.base.tenancy import AnyUser
from erp.ports import Subject, subject_sources

FEWEST_SIGNS = 2
MOST_SIGNS = 100
# Of each kind of thing: who looks for one types another sign.
OF_EACH = 6
ICONS = {
    "organisation": "building-office-2",
    "person": "user-circle",
    "service": "cube",
    "ticket": "lifebuoy",
    "incident": "exclamation-triangle",
    "invoice": "document-text",
    "invoice_line": "document-text",
    "node": "server-stack",
}


@dataclass(frozen=True, slots=True)
class Hit:
    """One thing that was found."""

    subject: Subject
    icon: str


def found(user: AnyUser, asked: str) -> list[Hit]:
    """Return what the user may see under some words: what is called exactly so comes first."""
    words = " ".join(asked.replace("\0", "").split())[:MOST_SIGNS]
    if len(words) < FEWEST_SIGNS:
        return []
    sources = subject_sources()
    exact = [source.find(user, words) for source in sources]
    near = [one for source in sources for one in source.search(user, words, limit=OF_EACH)]
    unique = {(one.path, one.title): one for one in [*exact, *near] if one is not None}
    return [Hit(one, ICONS.get(one.kind, "link")) for one in unique.values()]


@login_required
@require_GET
def search(request: UserRequest) -> HttpResponse:
    """Show what was found; `?part=1` is the list alone, for the box."""
    asked = request.GET.get("q", "")
    facts = {"hits": found(request.user, asked), "asked": asked[:MOST_SIGNS]}
    name = "search/_hits.html" if request.GET.get("part") else "search/page.html"
    return render(request, name, facts)
