"""`manage.py demo`: the main job once on real input, as `./run` shows it."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from config.audit import violations
from config.demo import money, scenes
from config.demo.seed import PASSWORD, PEOPLE, seed
from config.demo.story import StepFailed, Story, say
from erp.base import scope
from erp.base.doors import now


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
    with story.step("Order a static site and a file storage"):
        title = "Boulangerie Martin"
        contracts = [
            scenes.place_order(people["customer"], "static-site", "Our site", title=title),
            scenes.place_order(people["customer"], "webdav", "Our files", user="martin"),
        ]
    running = []
    for contract in contracts:
        with story.step(f"Provision “{contract.name}” until it answers"):
            running.append(scenes.wait_until_it_answers(contract))
        say(f"      {running[-1].url}  {scenes.portal('/services/' + contract.reference)}")
    with story.step("Use both and wait for the samples"):
        for one in running:
            scenes.use(one)
        samples = scenes.wait_for_samples(running)
    with story.step("Close the period, issue and validate the invoice"):
        invoice = money.bill(people["reseller"], contracts)
    say(f"      {scenes.portal('/invoices/' + invoice['reference'])}")
    with story.step("Record the payment"):
        money.pay(invoice["reference"])
    with story.step("Audit the conservation laws"):
        broken = {law: found for law, found in violations().items() if found}
        if broken:
            raise StepFailed(f"broken: {broken}")
    return {
        "ok": True,
        "seconds": story.seconds,
        "node": node.reference,
        "instances": [
            {
                "offer": one.offer,
                "url": one.url,
                "http_status": scenes.check(one),
                "seconds_to_first_answer": one.seconds,
            }
            for one in running
        ],
        "samples": samples,
        "invoice": invoice,
        "ledger_sum": money.ledger_sum(),
        "audit": "ok",
    }
