"""`manage.py demo`: the main job once on real input, as `./run` shows it."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from billing.invoicing.models import Invoice
from config.audit import violations
from config.demo import money, scenes
from config.demo.seed import PASSWORD, PEOPLE, seed
from config.demo.story import StepFailed, Story, say
from erp.base import scope
from erp.base.doors import now
from erp.contracts.models import Contract
from erp.customers.models import Organisation


class Command(BaseCommand):
    """Order, provision, measure, bill; with --once the last line is a summary as JSON."""

    help = "Does the main job once through the services that the pages call."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take --once."""
        parser.add_argument("--once", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        """Tell the story; a step that did not happen ends it with exit code 1."""
        story = Story()
        try:
            with scope.everything("the demo"):
                summary = tell(story)
        except StepFailed as error:
            if options["once"]:
                say(json.dumps({"ok": False, "seconds": story.seconds, "failed": str(error)}))
            raise SystemExit(1) from error
        if options["once"]:
            say(json.dumps(summary))
            return
        say("\nSign in with one of these (password " + PASSWORD + "):")
        for mail, (where, role) in PEOPLE.items():
            say(f"  {mail:26} {role.label}, {where}")


def tell(story: Story) -> dict[str, Any]:
    """Do every step and return the summary."""
    with story.step("Provider, reseller, customer, offers and prices"):
        people = seed(at=now())
    with story.step("Enrol the local node over SSH"):
        node = scenes.enrol_local_node(people["provider"])
    say(f"      {scenes.portal('/nodes/' + node.reference)}")
    running = _provision(story, people["customer"])
    with story.step("Use both and wait for the samples"):
        began = now()
        for one in running:
            scenes.use(one)
        samples = scenes.wait_for_samples(running, since=began)
    invoices = _bill(story, people["reseller"], [one.contract for one in running])
    with story.step("Audit the conservation laws"):
        broken = {law: found for law, found in violations().items() if found}
        if broken:
            raise StepFailed(f"broken: {broken}")
    return {
        "ok": True,
        "seconds": story.seconds,
        "node": node.reference,
        "instances": [_instance(one) for one in running],
        "samples": samples,
        "invoice": money.facts_of(invoices[-1]),
        "ledger_sum": money.ledger_sum(),
        "audit": "ok",
    }


def _provision(story: Story, customer: Organisation) -> list[scenes.Running]:
    with story.step("Order a static site and a file storage"):
        contracts = [
            scenes.place_order(customer, "static-site", "Our site", title=customer.name),
            scenes.place_order(customer, "webdav", "Our files", user="martin"),
        ]
    running = []
    for contract in contracts:
        with story.step(f"Provision “{contract.name}” until it answers"):
            running.append(scenes.wait_until_it_answers(contract))
        say(f"      {running[-1].url}  {scenes.portal('/services/' + contract.reference)}")
    return running


def _bill(story: Story, reseller: Organisation, contracts: list[Contract]) -> list[Invoice]:
    with story.step("Close the period, issue the invoices, render and validate them"):
        invoices = money.bill(reseller, contracts, until=now())
    for invoice in invoices:
        say(f"      {invoice.number}  {scenes.portal('/invoices/' + invoice.reference)}")
    with story.step("Record the payments"):
        money.pay(invoices)
    return invoices


def _instance(one: scenes.Running) -> dict[str, Any]:
    return {
        "offer": one.offer,
        "url": one.url,
        "http_status": scenes.check(one),
        "seconds_to_first_answer": one.seconds,
    }
