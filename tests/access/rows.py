"""How to make, for each organisation of a tree, the object that a parametrised URL is about.

A new URL with parameters needs one row in `ROWS`: its name, and a function from an organisation to
the URL's arguments, or to None where such an organisation cannot have such an object.
"""

import io
from collections.abc import Callable, Mapping
from datetime import timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Any

from PIL import Image

from billing.bank.models import BankFile, BankItem, BankStatement
from billing.invoicing.models import Invoice, InvoiceLine
from billing.invoicing.states import State as Invoiced
from billing.ledger.models import Entry, Journal
from billing.ledger.services import Fact, chart_of, post
from billing.payments.fees import Claim, claim
from billing.payments.models import Fee, FeeKind, Receipt
from billing.payments.services import Money, Payment, receive
from billing.rating.models import RatedLine, RatingRun
from billing.runs.models import BillingRun, Outcome, RunItem
from billing.sepa.models import Mandate, SepaRun
from billing.sla.models import ServiceCredit
from config.api import RESOURCES
from erp.base.doors import now
from erp.catalogue.models import Offer, Plan, PriceList
from erp.contracts.models import Contract, ContractLine, LineChange
from erp.contracts.states import State as Contracted
from erp.customers.branding import Look, set_brand
from erp.customers.models import ApiToken, Brand, Member, Organisation
from erp.customers.states import Kind
from erp.desk.models import Calendar, CannedAnswer, Queue, TicketTemplate
from erp.mailroom.models import IncomingMail
from erp.orders.models import Order
from erp.orders.states import State as Ordered
from erp.outbox import services as outbox
from erp.outbox import webhooks
from erp.outbox.models import Endpoint, Mail
from erp.outbox.states import Topic
from erp.tickets.models import MessageFile, Ticket
from erp.tickets.services import open_ticket
from orchestration.backup.models import (
    BackupRepository,
    Drill,
    Protection,
    Relocation,
    Snapshot,
    Takeover,
)
from orchestration.campaigns.models import Campaign, CampaignItem
from orchestration.convergence.models import ConvergencePass
from orchestration.instances.models import Instance
from orchestration.maintenance.models import Check, NodeWork
from orchestration.maintenance.services import plan as plan_work
from orchestration.maintenance.states import How
from orchestration.monitoring.models import Outage
from orchestration.nodes.models import ComputeNode
from orchestration.windows.models import MaintenanceWindow, Occurrence
from orchestration.windows.recurrence import Rule
from orchestration.windows.services import Scope, Terms, plan
from tests.erp.builders import NOON, YEAR_2026
from tests.orchestration.builders import a_node, a_release

Kwargs = dict[str, Any]
Maker = Callable[[Organisation], Kwargs | None]
MONTH = {"starts_at": NOON - timedelta(days=31), "ends_at": NOON}


def _plan(of: Organisation) -> Plan:
    return Plan.objects.get(code="small")


def offer_of(of: Organisation) -> Offer | None:
    return _plan(of).offer if of.kind == Kind.PROVIDER else None


def price_list_of(of: Organisation) -> PriceList | None:
    """The world of the test gives every seller a list."""
    return PriceList.objects.filter(organisation=of).first()


def order_of(of: Organisation) -> Order | None:
    seller = of.parent
    if of.kind != Kind.CUSTOMER or seller is None:
        return None
    facts: dict[str, Any] = {"name": f"Order of {of.reference}", "plan": _plan(of)}
    made, _ = Order.objects.get_or_create(
        organisation=of, idempotency_key="K", seller=seller,
        defaults=facts | {
            "price_list": price_list_of(seller), "monthly_minor": 0, "currency": "EUR",
            "placed_by": "test", "created_at": NOON, "state": Ordered.PLACED, "state_since": NOON,
        },
    )  # fmt: skip
    return made


def line_of(of: Organisation) -> ContractLine | None:
    seller = of.parent
    if of.kind != Kind.CUSTOMER or seller is None:
        return None
    found = ContractLine.objects.filter(organisation=of).first()
    if found:
        return found
    contract = Contract.objects.create(
        organisation=of, seller=seller, name=f"Service of {of.reference}", currency="EUR",
        starts_at=YEAR_2026, state=Contracted.ACTIVE, state_since=NOON,
    )  # fmt: skip
    return ContractLine.objects.create(
        organisation=of, contract=contract, name=contract.name, plan=_plan(of), product="site"
    )


def _change(of: Organisation) -> Kwargs | None:
    line = line_of(of)
    if line is None:
        return None
    made, _ = LineChange.objects.get_or_create(
        organisation=of, line=line, idempotency_key="K",
        defaults={
            "from_plan": line.plan, "to_plan": line.plan, "from_quantity": 2, "to_quantity": 1,
            "effective_at": NOON + timedelta(days=3650), "base_from": NOON,
            "monthly_before_minor": 2, "monthly_after_minor": 1, "asked_at": NOON,
            "asked_by": "test", "state": "planned", "state_since": NOON,
        },
    )  # fmt: skip
    return {"reference": line.contract.reference, "change": made.reference}


def contract_of(of: Organisation) -> Contract | None:
    line = line_of(of)
    return line.contract if line else None


def ticket_of(of: Organisation) -> Ticket:
    subject = f"Ticket of {of.reference}"
    return open_ticket(of, subject=subject, body="Help.", at=NOON, by="test", key="K")


def _file(of: Organisation) -> MessageFile:
    message = ticket_of(of).messages.order_by("pk")[0]
    facts: dict[str, Any] = {"content_type": "text/plain", "size": 1, "content": b"x"}
    found = MessageFile.objects.filter(organisation=of).first()
    return found or MessageFile.objects.create(
        organisation=of, message=message, name="x.txt", **facts
    )


def _unlink(of: Organisation) -> Kwargs:
    ticket = ticket_of(of)
    facts: dict[str, Any] = {"title": "x", "path": "/", "organisation": of}
    link, _ = ticket.links.get_or_create(kind="x", reference="X-1", defaults=facts)
    return {"reference": ticket.reference, "pk": link.pk}


def _of_desk(model: Any, **facts: Any) -> Maker:
    """Return a maker of a part of a seller's desk."""

    def maker(of: Organisation) -> Kwargs | None:
        if of.kind == Kind.CUSTOMER:
            return None
        row, _ = model.objects.get_or_create(organisation=of, name="access", defaults=facts)
        return {"reference": row.reference}

    return maker


def _mail_in(of: Organisation) -> Kwargs | None:
    """A mail that came in is the provider's."""
    if of.kind != Kind.PROVIDER:
        return None
    raw = b"From: eve@elsewhere.example\r\nSubject: Hello\r\n\r\nHelp."
    row, _ = IncomingMail.objects.get_or_create(
        organisation=of, message_id="access",
        defaults={"raw": raw, "received_at": NOON, "state": "aside", "state_since": NOON},
    )  # fmt: skip
    return {"reference": row.reference}


def mail_of(of: Organisation) -> Mail:
    letter = outbox.Letter("access", Topic.ACCOUNT, "webhook_disabled")
    outbox.post(of, letter, at=NOON, to={f"{of.reference.lower()}@mail.example": None})
    return Mail.objects.get(organisation=of, key="access")


def endpoint_of(of: Organisation) -> Endpoint:
    found = Endpoint.objects.filter(organisation=of).first()
    url, events = f"https://{of.reference.lower()}.example/", ["ticket.opened"]
    return found or webhooks.add(of, url=url, events=events, at=NOON, by="test")


def _delivery(of: Organisation) -> Kwargs:
    endpoint = endpoint_of(of)
    if not endpoint.deliveries.exists():
        webhooks.send_test(endpoint, key="access", at=NOON)
        endpoint.deliveries.update(state="given_up")
    return {"webhook_id": endpoint.deliveries.earliest("pk").webhook_id}


def instance_of(of: Organisation) -> Instance | None:
    line = line_of(of)
    if line is None:
        return None
    made, _ = Instance.objects.get_or_create(
        line=line, organisation=of,
        defaults={
            "release": a_release(), "requested_state": "started", "state": "waiting",
            "state_since": NOON, "created_at": NOON, "secrets_sealed": "",
        },
    )  # fmt: skip
    return made


def invoice_of(of: Organisation) -> Invoice | None:
    line = line_of(of)
    if line is None:
        return None
    found = Invoice.objects.filter(organisation=of).first()
    if found:
        return found
    owner: dict[str, Any] = {"organisation": of}
    dates = MONTH | {"cut_off_at": NOON}
    run = RatingRun.objects.create(contract=line.contract, rated_at=NOON, **owner, **dates)
    priced: dict[str, Any] = {"description": "A month", "quantity": 1, "unit_price": Decimal(1)}
    rated = RatedLine.objects.create(
        run=run, position=1, line=line, kind="recurring", minor=100, **owner, **priced, **MONTH
    )
    made = Invoice.objects.create(
        issuer=line.contract.seller, contract=line.contract, rating_run=run, currency="EUR",
        period_start_at=MONTH["starts_at"], period_end_at=MONTH["ends_at"], net_minor=100,
        tax_minor=0, total_minor=100, taxes=[], created_at=NOON, state=Invoiced.DRAFT,
        state_since=NOON, **owner,
    )  # fmt: skip
    InvoiceLine.objects.create(
        invoice=made, position=1, rated_line=rated, net_minor=100, tax_category="S",
        tax_rate=Decimal(20), **owner, **priced, **MONTH,
    )  # fmt: skip
    return made


_MISSED: dict[str, Any] = {
    "position": 1, "description": "A month", "share": "99.5", "agreed": "99.9", "percent": "10",
    "base_minor": 100, "minor": 10, "measured_seconds": "1", "down_seconds": "1",
    "unseen_seconds": "0", "stopped_seconds": "0", "failing": [], "more_failing": 0,
}  # fmt: skip


def service_credit_of(of: Organisation) -> ServiceCredit | None:
    """One that waits for a decision."""
    invoice = invoice_of(of)
    if invoice is None:
        return None
    made, _ = ServiceCredit.objects.get_or_create(
        invoice=invoice, month_on=MONTH["starts_at"].date(),
        defaults={
            "organisation": of, "issuer": invoice.issuer, "contract": invoice.contract,
            "currency": "EUR", "net_minor": 10, "lines": [_MISSED], "created_at": NOON,
            "state": "drafted", "state_since": NOON,
        },
    )  # fmt: skip
    return made


def receipt_of(of: Organisation) -> Receipt | None:
    """Money of a customer that pays nothing yet."""
    if of.kind != Kind.CUSTOMER or of.parent is None:
        return None
    payment = Payment(of.parent, of, "EUR", Money(f"K-{of.reference}", 100, NOON.date()))
    return receive(payment, at=NOON, by="test")


def fee_of(of: Organisation) -> Fee | None:
    """What a customer owes beside an invoice."""
    invoice = invoice_of(of)
    if invoice is None:
        return None
    wanted = Claim(f"K-{of.reference}", FeeKind.REMINDER, 500)
    return claim(invoice, wanted, at=NOON, by="test")


def mandate_of(of: Organisation) -> Mandate | None:
    """What a customer signed."""
    if of.kind != Kind.CUSTOMER or of.parent is None:
        return None
    made, _ = Mandate.objects.get_or_create(
        organisation=of, creditor=of.parent, umr=of.reference,
        defaults={
            "kind": "recurrent", "scheme": "CORE", "holder": of.name, "signed_by": "test",
            "iban": "DE89370400440532013000", "signed_on": NOON.date(), "state": "active",
            "state_since": NOON,
        },
    )  # fmt: skip
    return made


def sepa_run_of(of: Organisation) -> SepaRun | None:
    """A file of a seller."""
    if of.kind == Kind.CUSTOMER:
        return None
    made, _ = SepaRun.objects.get_or_create(
        organisation=of, request_key="K",
        defaults={
            "kind": "debit", "scheme": "CORE", "on": NOON.date(), "orders": 0, "total_minor": 0,
            "content": b"x", "sha256": sha256(b"x").hexdigest(), "made_at": NOON,
            "made_by": "test", "state": "prepared", "state_since": NOON,
        },
    )  # fmt: skip
    return made


def bank_item_of(of: Organisation) -> BankItem | None:
    """Money that came into the account of a seller."""
    if of.kind == Kind.CUSTOMER:
        return None
    name = f"bank of {of.reference}"
    file = BankFile.objects.filter(organisation=of, name=name).first()
    if file:
        return BankItem.objects.get(organisation=of)
    file = BankFile.objects.create(
        organisation=of, name=name, format="camt", sha256=of.reference, lines=1, new_lines=1,
        imported_at=NOON, imported_by="test",
    )  # fmt: skip
    day = NOON.date()
    statement = BankStatement.objects.create(
        organisation=of, file=file, account="X", currency="EUR", number="1", closing_on=day
    )
    return BankItem.objects.create(
        organisation=of, statement=statement, key="K", booked_on=day, value_on=day, minor=100,
        currency="EUR", state="open", state_since=NOON,
    )  # fmt: skip


def _bank_file(of: Organisation) -> BankFile | None:
    item = bank_item_of(of)
    return item.statement.file if item else None


def run_item_of(of: Organisation) -> RunItem | None:
    """A parked contract in a run of the seller; the run belongs to the seller."""
    buyer = next((one for one in of.children.all() if one.kind == Kind.CUSTOMER), None)
    contract = contract_of(buyer) if buyer else None
    if contract is None:
        return None
    dates = MONTH | {"cut_off_at": NOON}
    run, _ = BillingRun.objects.get_or_create(
        organisation=of, **dates, defaults={"opened_at": NOON, "opened_by": "test"}
    )
    item, _ = RunItem.objects.get_or_create(
        run=run, contract=contract,
        defaults={"organisation": of, "outcome": Outcome.PARKED, "reason": "a test"},
    )  # fmt: skip
    return item


def snapshot_of(of: Organisation) -> Snapshot | None:
    """One of an instance of a customer."""
    instance = instance_of(of)
    if instance is None:
        return None
    owner = {"organisation": of}
    since = {"state_since": NOON, "created_at": NOON}
    repository, _ = BackupRepository.objects.get_or_create(
        line=instance.line, defaults=owner | since | {"store": node_called(f"store-{of.reference}"),
        "state": "ready"},
    )  # fmt: skip
    Protection.objects.get_or_create(
        instance=instance, defaults=owner | {"repository": repository, "since": NOON}
    )
    found, _ = Snapshot.objects.get_or_create(
        repository=repository, name="0123abcd",
        defaults=owner | {"instance": instance, "taken_at": NOON, "ended_at": NOON},
    )  # fmt: skip
    return found


def _snapshot(of: Organisation) -> Kwargs | None:
    found = snapshot_of(of)
    return {"reference": found.instance.reference, "pk": found.pk} if found else None


def _repository(of: Organisation) -> BackupRepository | None:
    found = snapshot_of(of)
    return found.repository if found else None


def drill_of(of: Organisation) -> Drill | None:
    """A copy that waits for its place."""
    found = snapshot_of(of)
    if found is None:
        return None
    made, _ = Drill.objects.get_or_create(
        instance=found.instance, is_copy=True,
        defaults={"organisation": of, "snapshot": found, "state": "waiting", "state_since": NOON,
        "until": NOON, "by": "test", "created_at": NOON},
    )  # fmt: skip
    return made


def relocation_of(of: Organisation) -> Relocation | None:
    """A move that has only begun."""
    found = snapshot_of(of)
    if found is None:
        return None
    made, _ = Relocation.objects.get_or_create(
        instance=found.instance,
        defaults={"organisation": of, "why": "move", "state": "copying", "state_since": NOON,
        "by": "test", "created_at": NOON},
    )  # fmt: skip
    return made


def takeover_of(of: Organisation) -> Takeover | None:
    """One of a node of the provider."""
    if of.kind != Kind.PROVIDER:
        return None
    made = Takeover.objects.filter(organisation=of).first()
    return made or Takeover.objects.create(
        organisation=of, node=node_called("lost"), lost_at=NOON, by="test", created_at=NOON,
        state="open", state_since=NOON,
    )  # fmt: skip


def _node(of: Organisation) -> Kwargs | None:
    if of.kind != Kind.PROVIDER:
        return None
    return {"reference": node_called(f"node-{of.reference}").reference}


def node_called(name: str) -> ComputeNode:
    """Return the node of this name, made when there is none: rows may be asked for twice."""
    return ComputeNode.objects.filter(name=name).first() or a_node(name)


def occurrence_of(of: Organisation) -> Occurrence | None:
    """A time of a window: of a node at the provider, of their contract at a customer."""
    contract = contract_of(of)
    if contract is None and of.kind != Kind.PROVIDER:
        return None
    window = MaintenanceWindow.objects.filter(organisation=of).first()
    if window is None:
        scope = Scope(contract=contract) if contract else Scope(node=node_called("windowed"))
        start = now() + timedelta(days=4)
        rule = Rule(None, 0, 0, "UTC", start, 60)
        window = plan(of, scope, rule, Terms("Updates", 72, 24), at=now(), by="test")
    return window.occurrences.get()


def _window(of: Organisation) -> Kwargs | None:
    occurrence = occurrence_of(of)
    return {"reference": occurrence.window.reference} if occurrence else None


def _work(of: Organisation) -> Kwargs | None:
    if of.kind != Kind.PROVIDER:
        return None
    occurrence = occurrence_of(of)
    assert occurrence is not None
    work = NodeWork.objects.filter(organisation=of).first()
    if work is None:
        node = occurrence.window.node
        assert node is not None
        work = plan_work(node, occurrence, how=How.CLOSE, what="Disk", at=now(), by="test")
    return {"reference": work.reference}


def _check(of: Organisation) -> Kwargs | None:
    if of.kind != Kind.PROVIDER:
        return None
    check, _ = Check.objects.get_or_create(
        organisation=of, name="clock", node=None,
        defaults={"verdict": "ok", "since": NOON, "checked_at": NOON},
    )  # fmt: skip
    return {"reference": check.reference}


def _campaign(of: Organisation) -> Kwargs | None:
    if of.kind != Kind.PROVIDER:
        return None
    made, _ = Campaign.objects.get_or_create(
        organisation=of, kind="release", release=a_release(),
        defaults={
            "answers_until": NOON, "started_by": "test", "created_at": NOON, "state": "running",
            "state_since": NOON,
        },
    )  # fmt: skip
    return {"reference": made.reference}


def _campaign_item(of: Organisation) -> Kwargs | None:
    instance = instance_of(of)
    if instance is None:
        return None
    provider = Organisation.objects.get(kind=Kind.PROVIDER)
    campaign = _campaign(provider)
    assert campaign is not None
    made, _ = CampaignItem.objects.get_or_create(
        organisation=of, campaign=Campaign.objects.get(**campaign), instance=instance,
        defaults={
            "from_release": a_release(), "consent": "asked", "state": "waiting",
            "state_since": NOON,
        },
    )  # fmt: skip
    return {"reference": made.reference}


def _release(of: Organisation) -> Kwargs | None:
    return {"reference": a_release().reference} if of.kind == Kind.PROVIDER else None


def _order_form(of: Organisation) -> Kwargs | None:
    return {"buyer": of.reference, "plan": _plan(of).pk} if of.kind == Kind.CUSTOMER else None


def _run(of: Organisation) -> Kwargs | None:
    item = run_item_of(of)
    return {"reference": item.run.reference} if item else None


def _run_item(of: Organisation) -> Kwargs | None:
    item = run_item_of(of)
    return {"reference": item.run.reference, "pk": item.pk} if item else None


def _line(of: Organisation) -> Kwargs | None:
    line = line_of(of)
    return {"pk": line.pk} if line else None


def _entry(of: Organisation) -> Entry | None:
    """One by hand, in the books of a seller."""
    if of.kind == Kind.CUSTOMER:
        return None
    chart = chart_of(of)
    amounts = {chart.bank: 100, chart.opening: -100}
    return post(of, Fact("manual:K", Journal.MISC, "EUR", "A test", amounts), at=NOON)


def _account(of: Organisation) -> Kwargs | None:
    entry = _entry(of)
    leg = entry.postings.first() if entry else None
    return {"pk": leg.account_id} if leg else None


def _brand(of: Organisation) -> Kwargs | None:
    """What a seller shows of itself."""
    if of.kind == Kind.CUSTOMER:
        return None
    if not Brand.objects.filter(organisation=of).exists():
        target = io.BytesIO()
        Image.new("RGB", (9, 9)).save(target, "PNG")
        look = Look("Brand", "#0a64c8")
        set_brand(of, look, at=NOON, by="test", logo=io.BytesIO(target.getvalue()))
    return {"reference": of.reference}


def _token(of: Organisation) -> Kwargs | None:
    """A token of somebody who is a member there."""
    member = Member.objects.filter(organisation=of).order_by("pk").first()
    if member is None:
        return None
    token, _ = ApiToken.objects.get_or_create(
        organisation=of, member=member, name="Machine",
        defaults={"token_hash": f"hash of {of.reference}", "scopes": ["see"], "created_at": NOON},
    )  # fmt: skip
    return {"reference": of.reference, "token": token.reference}


def _pass(of: Organisation) -> Kwargs | None:
    """What was done on a node of the provider."""
    if of.kind != Kind.PROVIDER:
        return None
    node = node_called(f"node-{of.reference}")
    made = ConvergencePass.objects.create(
        organisation=of, node=node, fence=1, why="a test", outcome="applied", started_at=NOON
    )
    return {"id": made.pk}


def _outage(of: Organisation) -> Kwargs | None:
    instance = instance_of(of)
    if instance is None:
        return None
    made, _ = Outage.objects.get_or_create(
        instance=instance, organisation=of, promise="answers",
        defaults={"tolerance_seconds": 60, "since": NOON},
    )  # fmt: skip
    return {"id": made.pk}


def _retried(of: Organisation) -> Kwargs | None:
    item = run_item_of(of)
    return {"reference": item.run.reference, "item": item.pk} if item else None


def _seller(of: Organisation) -> Organisation | None:
    return of if of.kind != Kind.CUSTOMER else None


def by_reference(make: Callable[[Organisation], Any], **more: Any) -> Maker:
    """Return a maker of `reference` (and more) from a maker of rows."""

    def maker(of: Organisation) -> Kwargs | None:
        row = make(of)
        return {"reference": row.reference} | more if row else None

    return maker


def _each(names: str, maker: Maker) -> dict[str, Maker]:
    return dict.fromkeys(names.split(), maker)


ROWS: Mapping[str, Maker] = {
    **_each(
        "organisations:detail organisations:new_customer organisations:new_reseller "
        "organisations:edit organisations:terms organisations:new_member organisations:tokens "
        "organisations:view_as tickets:customer payments:of_organisation",
        by_reference(lambda of: of),
    ),
    "payments:top_up": by_reference(lambda of: of if of.kind == Kind.CUSTOMER else None),
    **_each("organisations:brand organisations:remove_logo organisations:logo_of", _brand),
    "organisations:revoke_token": _token,
    **_each(
        "catalogue:price_list catalogue:end_list simulations:price_list",
        by_reference(price_list_of),
    ),
    "catalogue:offer": by_reference(offer_of),
    **_each(
        "orders:detail api:orders-detail api:orders-events api:orders-accept api:orders-refuse",
        by_reference(order_of),
    ),
    "api:catalogue-detail": by_reference(lambda of: of),
    "api:catalogue-offer": lambda of: {
        "reference": of.reference,
        "offer": _plan(of).offer.reference,
    },
    **_each("api:offers-detail api:offers-plans", by_reference(offer_of)),
    **_each(
        "api:price-lists-detail api:price-lists-end api:price-lists-prices",
        by_reference(price_list_of),
    ),
    **_each(
        "api:organisations-detail api:organisations-events api:organisations-members "
        "api:organisations-terms api:organisations-tokens api:balances-detail",
        by_reference(lambda of: of),
    ),
    "api:organisations-revoke-token": _token,
    **_each("api:books-fec api:books-datev", by_reference(_seller)),
    "api:books-report": by_reference(_seller, name="aged"),
    **_each("api:entries-detail api:entries-events api:entries-reverse", by_reference(_entry)),
    **_each("api:bank-files-detail api:bank-files-statements", by_reference(_bank_file)),
    **_each(
        "api:movements-detail api:movements-events api:movements-proposals api:movements-pay "
        "api:movements-credit api:movements-back api:movements-charge api:movements-aside "
        "api:movements-undo",
        by_reference(bank_item_of),
    ),
    **_each(
        "api:billing-runs-detail api:billing-runs-events api:billing-runs-issue "
        "api:billing-runs-items",
        _run,
    ),
    "api:billing-runs-retry": _retried,
    **_each(
        "api:payments-detail api:payments-events api:payments-payouts api:payments-allocate "
        "api:payments-take-off api:payments-refund api:payments-take-back",
        by_reference(receipt_of),
    ),
    **_each(
        "api:invoices-detail api:invoices-events api:invoices-lines api:invoices-changes "
        "api:invoices-pdf api:invoices-xml api:invoices-csv api:invoices-issue "
        "api:invoices-discard api:invoices-credit",
        by_reference(invoice_of),
    ),
    "api:invoices-line": by_reference(invoice_of, position=1),
    **_each(
        "api:services-events api:costs-detail api:usage-detail api:availability-detail",
        by_reference(contract_of),
    ),
    **_each(
        "api:services-parameters api:services-plan api:services-outlook api:services-resize",
        by_reference(contract_of, position=1),
    ),
    **_each("api:tickets-close api:tickets-events", by_reference(ticket_of)),
    **_each("api:mails-detail api:mails-events api:mails-send-again", by_reference(mail_of)),
    **_each(
        "api:webhooks-detail api:webhooks-events api:webhooks-deliveries api:webhooks-enable "
        "api:webhooks-disable api:webhooks-retire api:webhooks-rotate api:webhooks-secret "
        "api:webhooks-test",
        by_reference(endpoint_of),
    ),
    **_each("api:deliveries-detail api:deliveries-replay", _delivery),
    **_each(
        "api:nodes-detail api:nodes-events api:nodes-partitions api:nodes-close api:nodes-maintain "
        "api:nodes-reopen api:nodes-retire",
        _node,
    ),
    "api:passes-detail": _pass,
    **_each("api:releases-detail api:releases-events api:releases-places", _release),
    **_each(
        "api:instances-detail api:instances-events api:instances-log api:instances-connection",
        by_reference(instance_of),
    ),
    "api:outages-detail": _outage,
    "services:order": _order_form,
    "services:decide": by_reference(order_of, answer="accept"),
    **_each(
        "services:detail services:stop services:start services:end api:services-detail "
        "api:services-suspend api:services-resume api:services-end invoices:of_contract "
        "invoices:cost_so_far simulations:service",
        by_reference(contract_of),
    ),
    **_each("services:parameters changes:line", by_reference(contract_of, position=1)),
    "services:cancel_change": _change,
    "services:budget_of_service": by_reference(contract_of),
    "services:budget": lambda of: {"organisation": of.reference},
    "invoices:spent": by_reference(contract_of),
    **_each(
        "tickets:detail tickets:reply tickets:close api:tickets-detail api:tickets-messages "
        "tickets:route tickets:take tickets:merge tickets:link tickets:act tickets:judge",
        by_reference(ticket_of),
    ),
    "tickets:file": by_reference(_file),
    "tickets:unlink": _unlink,
    "desk:queue": _of_desk(Queue),
    "desk:calendar": _of_desk(Calendar, time_zone="UTC", week={"mon": ["09:00-17:00"]}),
    **_each("desk:answer desk:remove_answer", _of_desk(CannedAnswer, body="x")),
    **_each("desk:template desk:remove_template", _of_desk(TicketTemplate)),
    **_each("mailroom:detail mailroom:again mailroom:place mailroom:dismiss", _mail_in),
    **_each(
        "nodes:detail nodes:live nodes:try_again nodes:confirm_host_key nodes:edit placement:drain "
        "nodes:command nodes:withdraw nodes:costs backup:give_up backup:keep",
        _node,
    ),
    "nodes:act": lambda of: (found | {"action": "close"}) if (found := _node(of)) else None,
    **_each("windows:detail windows:end", _window),
    **_each("windows:move windows:cancel", by_reference(occurrence_of)),
    **_each(
        "maintenance:of_node maintenance:accept maintenance:plan maintenance:rotate_key", _node
    ),
    **_each(
        "maintenance:work maintenance:work_live maintenance:work_done maintenance:work_cancel",
        _work,
    ),
    **_each("maintenance:check maintenance:owner", _check),
    **_each("campaigns:detail campaigns:live", _campaign),
    "campaigns:act": lambda of: (found | {"action": "pause"}) if (found := _campaign(of)) else None,
    "campaigns:answer": _campaign_item,
    "campaigns:new": _release,
    **_each("campaigns:of_contract campaigns:terms", by_reference(contract_of)),
    "windows:of_contract": by_reference(contract_of),
    "releases:detail": _release,
    **_each(
        "instances:detail instances:live instances:connection placement:of_instance",
        by_reference(instance_of),
    ),
    "tickets:of_contract": by_reference(contract_of),
    **_each("mails:detail mails:send_again", by_reference(mail_of)),
    "webhooks:of_organisation": by_reference(lambda of: of),
    **_each(
        "webhooks:detail webhooks:send_test webhooks:rotate webhooks:secret",
        by_reference(endpoint_of),
    ),
    "webhooks:act": by_reference(endpoint_of, action="disable"),
    "webhooks:replay": _delivery,
    **_each(
        "instances:of_line metering:of_line monitoring:of_line backup:of_line backup:policy", _line
    ),
    **_each("backup:detail backup:save_now backup:move", by_reference(instance_of)),
    **_each("backup:restore backup:copy", _snapshot),
    **_each("backup:drill backup:end_drill backup:drill_connection", by_reference(drill_of)),
    **_each("backup:relocation backup:cancel", by_reference(relocation_of)),
    "backup:takeover": by_reference(takeover_of),
    "backup:leave": by_reference(_repository),
    "ledger:reverse": by_reference(_entry),
    **_each("ledger:account ledger:letter", _account),
    "ledger:unletter": lambda of: (found | {"code": "AA"}) if (found := _account(of)) else None,
    **_each("billing-runs:detail billing-runs:live billing-runs:issue", _run),
    **_each(
        "service-credits:detail service-credits:approve service-credits:refuse",
        by_reference(service_credit_of),
    ),
    "billing-runs:retry": _run_item,
    **_each(
        "invoices:detail invoices:changes invoices:issue invoices:discard invoices:credit "
        "invoices:pdf invoices:xml invoices:lines_csv dunning:of_invoice dunning:dispute "
        "payments:of_invoice payments:record payments:difference",
        by_reference(invoice_of),
    ),
    **_each(
        "payments:detail payments:take_off payments:share payments:refund payments:returned",
        by_reference(receipt_of),
    ),
    **_each(
        "bank:detail bank:accept bank:numbers bank:credit bank:back bank:charge bank:aside "
        "bank:undo",
        by_reference(bank_item_of),
    ),
    **_each(
        "statements:of_organisation statements:mail statements:monthly statements:stop",
        by_reference(lambda of: of if of.parent else None),
    ),
    **_each("sepa:of_organisation sepa:sign", by_reference(lambda of: of)),
    **_each("sepa:revoke sepa:make_last", by_reference(mandate_of)),
    **_each("sepa:run sepa:file sepa:sent sepa:refused sepa:cancel", by_reference(sepa_run_of)),
    "bank:run": by_reference(bank_item_of),
    "payments:fee": by_reference(receipt_of),
    "payments:waive": by_reference(fee_of),
    "bank:file": by_reference(_bank_file),
    "invoices:line": by_reference(invoice_of, position=1),
    **_each("vat:of_organisation vat:ask vat:confirm", by_reference(lambda of: of)),
}

# Not about rows of an organisation: made by the sign-in's own package, tried there.
NOT_OURS = ("account_", "mfa_", "usersessions_")
# What anybody may open.
PUBLIC = {
    "api:schema",
    "api-pages:index",
    *(f"api-pages:{name}" for name in ("me", *RESOURCES)),
    "healthy",
    "metrics",
    "status",
    "ui:theme",
    "ui:gallery",
    "releases:schema",
    "mails:leave",
    "campaigns:by_mail",
}
