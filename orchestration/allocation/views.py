"""Where would this go, and why not there? For operators."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from erp.base.doors import UserRequest, now
from erp.base.errors import DomainError
from erp.customers.access import organisation_for
from erp.customers.models import Organisation
from erp.customers.states import Right
from erp.orders.place_form import form_of
from erp.ports import placement_source, product_source
from orchestration.allocation import moving, services
from orchestration.allocation.choose import Ranking, Wish
from orchestration.allocation.forms import DryRunForm, WhyForm
from orchestration.allocation.wishes import FILTERS
from orchestration.instances.access import instance_for
from orchestration.instances.states import State
from orchestration.nodes.access import node_for
from orchestration.nodes.states import ARROWS
from orchestration.nodes.states import State as NodeState

MOST = 500


@login_required
@require_GET
def dry_run(request: UserRequest) -> HttpResponse:
    """Show every node with its rank, or why it does not fit."""
    if Right.OPERATE not in request.rights:
        raise PermissionDenied
    customers = list(Organisation.objects.visible_to(request.user).order_by("name", "pk")[:MOST])
    asked = request.GET if "product" in request.GET else None
    form = DryRunForm(
        asked,
        customers=[(one.reference, f"{one.name} ({one.reference})") for one in customers],
        products=[one.name for one in product_source().products()],
    )
    # The services that may be named are those of the customer who was chosen.
    chosen = request.GET.get("customer", customers[0].reference)
    buyer = organisation_for(request.user, chosen, right=Right.OPERATE)
    place = form_of(placement_source().choices(FILTERS, buyer=buyer.pk))(asked)
    facts: dict[str, object] = {"form": form, "place": place, "crumbs": [("Nodes", "/nodes/")]}
    if asked is not None and form.is_valid() and place.is_valid():
        wish = Wish(
            organisation=buyer.pk,
            path=buyer.path,
            product=form.cleaned_data["product"],
            sla=place.sla(),  # type: ignore[attr-defined]
            **form.sizes(),
        )
        try:
            facts |= _shown(services.dry_run(wish))
        except DomainError as refusal:
            form.add_error(None, str(refusal))
    status = 422 if form.errors or place.errors else 200
    return render(request, "placement/dry_run.html", facts, status=status)


def _shown(ranking: Ranking) -> dict[str, object]:
    """Return a ranking as the table shows it: the best first, at most `MOST` of each."""
    return {
        "is_asked": True,
        "fits": ranking.fits[:MOST],
        "refused": ranking.refused[:MOST],
        "fit_count": len(ranking.fits),
        "refused_count": len(ranking.refused),
    }


@login_required
@require_GET
def of_instance(request: UserRequest, reference: str) -> HttpResponse:
    """Return where a waiting request could go now, and why not elsewhere."""
    instance = instance_for(request.user, reference, right=Right.OPERATE)
    facts: dict[str, object] = {"instance": instance}
    if instance.state == State.WAITING:
        try:
            facts |= _shown(services.dry_run(services.wish_of(instance)))
        except DomainError as refusal:
            facts["refusal"] = str(refusal)
    return render(request, "placement/_of_instance.html", facts)


@login_required
@require_http_methods(["GET", "POST"])
def drain(request: UserRequest, reference: str) -> HttpResponse:
    """Show where the instances of a node would go; confirmed, it takes no new ones."""
    node = node_for(request.user, reference, right=Right.OPERATE)
    form = WhyForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        by, why = request.user.get_username(), form.cleaned_data["why"]
        gone = moving.drain(node, at=now(), by=by, why=why)
        messages.success(request, f"{node.name} is draining; {gone} went at once.")
        return redirect("nodes:detail", reference)
    facts = {
        "node": node,
        "moves": moving.moves_off(node),
        "form": form,
        "may_drain": NodeState.DRAINING in ARROWS[node.state],
        "crumbs": [("Nodes", "/nodes/"), (node.name, f"/nodes/{node.reference}")],
    }
    return render(request, "placement/drain.html", facts, status=422 if form.errors else 200)
