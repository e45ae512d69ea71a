"""The command line against a real server process."""

import stat
from collections.abc import Callable
from pathlib import Path

from erp.contracts.models import Contract, ContractLine
from erp.orders.models import Order
from erp.tickets.models import Message
from tests.cli.conftest import Done, Shell


def a_stack(shell: Shell, place: Path, *, title: str = "Hello", state: str = "started") -> str:
    file = place / "stack.yaml"
    file.write_text(
        f"organisation: {shell.shop.customer.reference}\n"
        "services:\n"
        "  - name: Our site\n"
        f"    offer: {shell.shop.plan.offer.reference}\n"
        "    plan: small\n"
        f"    state: {state}\n"
        "    parameters:\n"
        f"      title: {title}\n"
    )
    return str(file)


def test_the_token_is_kept_for_its_owner_alone(shell: Shell) -> None:
    assert stat.S_IMODE(shell.config.stat().st_mode) == 0o600
    assert shell.token in shell.config.read_text()

    told = shell("me", "--json").data()
    assert told["email"] == "buyer@mail.example"
    assert shell("logout").code == 0
    refused = shell("ls")
    assert (refused.code, "Log in first" in refused.err) == (1, True)


def test_a_wrong_token_and_a_wrong_address_say_so(shell: Shell) -> None:
    wrong = shell("login", shell.url, typed="tenantry_nobody\n")
    assert (wrong.code, "unknown, expired or revoked" in wrong.err) == (1, True)
    nobody = shell("ls", TENANTRY_URL="http://127.0.0.1:9", TENANTRY_TOKEN="x")
    assert (nobody.code, "Nobody answers" in nobody.err) == (1, True)


def test_a_stack_is_planned_with_its_price_applied_and_then_changes_nothing(
    shell: Shell, tmp_path: Path
) -> None:
    file = a_stack(shell, tmp_path)

    planned = shell("plan", "-f", file)
    assert (planned.code, Order.objects.count()) == (2, 0)
    assert "+ Our site: order" in planned.out
    assert "Price of the change: 10.00 EUR a month, 0.00 EUR once, without tax." in planned.out
    refused = shell("apply", "-f", file, typed="n\n")
    assert (refused.code, Order.objects.count()) == (1, 0)
    applied = shell("apply", "-f", file, "--yes", "--json").data()
    assert [(one["sign"], one["monthly_minor"]) for one in applied] == [("+", 1000)]
    again = shell("plan", "-f", file)
    assert (again.code, again.out) == (0, "Nothing to change: there is what the file names.\n")
    assert shell("apply", "-f", file, "--yes").code == 0
    assert Contract.objects.count() == 1


def test_a_stack_changes_parameters_stops_starts_and_ends(shell: Shell, tmp_path: Path) -> None:
    assert shell("apply", "-f", a_stack(shell, tmp_path), "--yes").code == 0

    changed = shell("apply", "-f", a_stack(shell, tmp_path, title="Other"), "--yes")
    assert "change parameters: title" in changed.out
    assert ContractLine.objects.get().parameters == {"title": "Other"}
    for state, agreed in (("stopped", "suspended"), ("started", "active"), ("ended", "ended")):
        file = a_stack(shell, tmp_path, title="Other", state=state)
        assert shell("plan", "-f", file).code == 2
        assert shell("apply", "-f", file, "--yes").code == 0
        assert Contract.objects.get().state == agreed
        assert shell("plan", "-f", file).code == 0


def test_a_bad_stack_says_where(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "stack.yaml"
    file.write_text("services:\n  - name: x\n    offer: P-1\n    plan: small\n    colour: red\n")
    bad = shell("plan", "-f", str(file))
    assert (bad.code, "number 1: colour is unknown" in bad.err) == (1, True)
    file.write_text("services:\n  - {name: x, offer: P-00000000, plan: small}\n")
    unknown = shell("plan", "-f", str(file))
    assert (unknown.code, "(not_found, 404)" in unknown.err) == (1, True)


def test_an_order_is_placed_once_per_key_and_shown_stopped_and_followed(shell: Shell) -> None:
    offer = shell.shop.plan.offer.reference
    wish = ["order", offer, "small", "Shop", "--set", "title=Hi", "--yes", "--key", "k1", "--json"]

    first, again = shell(*wish).data(), shell(*wish).data()
    service = first["service"]
    bad = shell("order", offer, "small", "Odd", "--set", "title=5", "--yes")

    assert (first, Order.objects.count()) == (again, 1)
    assert (bad.code, "title: 5 is not of type 'string'" in bad.err) == (1, True)
    assert "(bad_parameters, 422)" in bad.err
    assert shell("show", service, "--json").data()["name"] == "Shop"
    assert "Shop" in shell("ls").out
    assert "suspended" in shell("stop", service).out
    assert "active" in shell("start", service).out
    said = shell("logs", service).out.splitlines()
    assert [line.split("  ")[1] for line in said] == ["active", "suspended", "active"]
    assert shell("show", "nothing").code == 2


def test_tickets_are_opened_answered_and_closed(shell: Shell) -> None:
    made = shell("ticket", "new", "Slow", "--json", typed="Since noon.\n").data()
    reference = made["reference"]

    assert shell("ticket", "answer", reference, "--body", "Still slow.").code == 0
    assert [one.body for one in Message.objects.order_by("pk")] == ["Since noon.", "Still slow."]
    shown = shell("ticket", "show", reference).out
    assert shown.index("Since noon.") < shown.index("Still slow.")
    assert "closed" in shell("ticket", "close", reference, "--why", "found").out
    assert "There are no tickets." in shell("ticket", "ls", "--state", "open").out


def test_refusals_have_the_words_of_the_api(shell: Shell, weak: Callable[..., Done]) -> None:
    nodes = shell("node", "ls")
    assert (nodes.code, "(permission_denied, 403)" in nodes.err) == (1, True)
    new = weak("ticket", "new", "Slow", "--body", "x")
    assert (new.code, "(permission_denied, 403)" in new.err) == (1, True)
    odd = shell("ls", "--state", "odd")
    assert (odd.code, "state:" in odd.err, "is not a valid choice" in odd.err) == (1, True, True)
    assert shell("invoice", "ls").out == "There are no invoices.\n"
    missing = shell("invoice", "get", "V-00000000", "--pdf")
    assert (missing.code, "(not_found, 404)" in missing.err) == (1, True)


def test_shells_complete(shell: Shell) -> None:
    assert "_TENANTRY_COMPLETE" in shell("completion", "bash").out
    assert "#compdef tenantry" in shell("completion", "zsh").out
