"""The pages that resize a service: three clicks, the price before, nothing twice."""

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
import time_machine
from django.test import Client

from billing.invoicing.models import Invoice
from erp.contracts.models import ContractLine, LineChange
from tests.billing.builders import OPENED, FakeUsage, a_customer, a_run, at
from tests.billing.rating.test_versions import SMALL, a_resizable_line, resize
from tests.billing.test_pages import signed_in

pytestmark = pytest.mark.django_db
NOW = at("2026-11-16T00:00")


@pytest.fixture(autouse=True)
def _frozen() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def line(usage: FakeUsage) -> ContractLine:
    return a_resizable_line(usage, prices=(SMALL[0], SMALL[2]))


@pytest.fixture
def owner(line: ContractLine) -> Client:
    return signed_in(line.organisation, "owner")


def path_of(line: ContractLine) -> str:
    return f"/changes/{line.contract.reference}/1"


def page(client: Client, path: str, status: int = 200) -> str:
    answer = client.get(path)
    assert answer.status_code == status
    return answer.content.decode()


def form_of(text: str) -> dict[str, str]:
    """Return what the last form of a page would send."""
    form = text.rpartition('<form method="post"')[2]
    return dict(re.findall(r'name="(plan|quantity|key|seen|shown_at)" value="([^"]*)"', form))


def test_three_clicks_resize_and_what_was_shown_is_invoiced(
    owner: Client, line: ContractLine, usage: FakeUsage
) -> None:
    service = page(owner, f"/services/{line.contract.reference}")
    assert f'href="{path_of(line)}"' in service
    assert "first 30 h free, then 0.1 EUR per h" in service
    chosen = page(owner, path_of(line))
    assert 'href="?plan=big"' in chosen
    shown = page(owner, f"{path_of(line)}?plan=big")
    for words in ("€15.00", "€45.00", "€60.00", "first 90 h free, then 0.02 EUR per h"):
        assert words in shown
    assert re.search(r"without the change it is <[^>]*>€30.00", shown)

    answer = owner.post(path_of(line), form_of(shown), follow=True)

    assert answer.redirect_chain[0][0] == f"/services/{line.contract.reference}"
    assert "Site Big: the service follows within seconds." in answer.content.decode()
    assert "90 EUR a month" in answer.content.decode()
    usage.sample(line, "0", ends_at=at("2026-11-15"))
    a_run(opened_at=OPENED)
    base = [one for one in Invoice.objects.get().lines.all() if one.rated_line.kind == "recurring"]
    assert sum(one.net_minor for one in base) == 6000


def test_a_double_click_is_one_change_and_what_moved_is_not_agreed_to(
    owner: Client, line: ContractLine
) -> None:
    first = form_of(page(owner, f"{path_of(line)}?plan=big"))
    other = form_of(page(owner, f"{path_of(line)}?plan=small&quantity=4"))

    for _ in range(2):
        assert owner.post(path_of(line), first).status_code == 302
    refused = owner.post(path_of(line), other)

    assert refused.status_code == 422
    assert "Somebody changed this service since the price was shown" in refused.content.decode()
    assert LineChange.objects.count() == 1


def test_the_price_that_was_shown_holds_for_a_while(owner: Client, line: ContractLine) -> None:
    shown = form_of(page(owner, f"{path_of(line)}?plan=big"))

    with time_machine.travel(NOW + timedelta(minutes=16), tick=False):
        late = owner.post(path_of(line), shown)
    assert (late.status_code, LineChange.objects.count()) == (422, 0)
    assert "This price was shown a while ago" in late.content.decode()
    with time_machine.travel(NOW + timedelta(minutes=14), tick=False):
        owner.post(path_of(line), shown)
    assert LineChange.objects.get().effective_at == NOW


def test_a_downgrade_is_planned_shown_and_cancelled(owner: Client, line: ContractLine) -> None:
    resize(line, "small", "2026-11-15T00:00", quantity="2")
    shown = page(owner, f"{path_of(line)}?plan=small&quantity=1")
    assert "what you pay less for changes at the renewal" in shown
    owner.post(path_of(line), form_of(shown))

    service = page(owner, f"/services/{line.contract.reference}")
    assert "Site Small from 1 Dec 2026" in service
    assert "Cancel it on the page of the service" in page(owner, path_of(line))
    assert "is planned from 2026-12-01" in page(owner, f"{path_of(line)}?plan=big", status=409)
    cancel = re.findall(r'action="([^"]*/cancel)"', service)[0]
    assert owner.post(cancel).status_code == 302
    assert "1 Dec 2026" not in page(owner, f"/services/{line.contract.reference}")
    assert LineChange.objects.get(to_quantity=1).state == "cancelled"


def test_what_is_typed_wrong_is_said(owner: Client, line: ContractLine) -> None:
    assert "Select a valid choice" in page(owner, f"{path_of(line)}?plan=huge", status=422)
    assert "greater than or equal" in page(owner, f"{path_of(line)}?plan=big&quantity=-1", 422)
    assert "This is the plan and the quantity" in page(owner, f"{path_of(line)}?plan=small", 409)
    assert not LineChange.objects.exists()


def test_only_who_orders_resizes(line: ContractLine) -> None:
    stranger = signed_in(a_customer("Other"), "owner")
    reader = signed_in(line.organisation, "read_only")

    assert stranger.get(path_of(line)).status_code == 404
    assert reader.get(path_of(line)).status_code == 403
    assert reader.post(path_of(line), {"plan": "big"}).status_code == 403
    assert "Resize" not in page(reader, f"/services/{line.contract.reference}")
