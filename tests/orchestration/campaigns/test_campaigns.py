"""A campaign upgrades a canary, then waves; it stops, goes back and asks where it must."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import pytest
from django.conf import LazySettings

from erp.base.journal import history
from erp.base.lifecycle import move
from erp.outbox.models import Mail
from erp.tickets.models import Ticket
from orchestration.campaigns import queries, services, waves
from orchestration.campaigns.models import Campaign, CampaignItem
from orchestration.campaigns.preview import changes, misfit
from orchestration.campaigns.services import BusyAlready, NobodyConcerned, NoSnapshot, TooLate
from orchestration.campaigns.states import Campaigned, Consent, Item
from orchestration.campaigns.tasks import sweep_campaigns
from orchestration.instances.models import Instance
from orchestration.nodes.models import ComputeNode
from orchestration.nodes.queries import upgrading
from tests.orchestration.builders import NOON, a_node, a_provider, a_release
from tests.orchestration.campaigns.upgrading import (
    MINUTE,
    QUICK,
    a_campaign,
    go,
    newer,
    running,
    states,
    take_up,
)

pytestmark = pytest.mark.django_db


def drive(
    campaign: Campaign, *, minutes: int, bad: list[Instance] | None = None, since: datetime = NOON
) -> Campaign:
    """Let the nodes report and the sweep come once a minute."""
    for minute in range(minutes):
        campaign = go(campaign, since + minute * MINUTE)
        take_up(bad=bad or [], bad_release=campaign.release)
    return campaign


def versions() -> list[str]:
    return list(Instance.objects.order_by("pk").values_list("release__version", flat=True))


def test_a_canary_goes_first_then_waves_with_a_pause_until_all_are_done() -> None:
    running(4)
    campaign = a_campaign(newer(), wave_size=2)
    campaign = go(campaign, NOON)
    assert states(campaign) == ["changing", "waiting", "waiting", "waiting"]
    take_up()
    campaign = drive(campaign, minutes=30)
    assert states(campaign) == ["done", "waiting", "waiting", "waiting"]

    campaign = drive(campaign, minutes=15, since=NOON + 30 * MINUTE)
    assert states(campaign) == ["done", "done", "done", "waiting"]
    campaign = drive(campaign, minutes=60, since=NOON + 45 * MINUTE)
    assert (campaign.state, versions()) == (Campaigned.DONE, ["2.0.0"] * 4)
    assert list(campaign.items.order_by("pk").values_list("wave", flat=True)) == [0, 1, 1, 2]
    assert campaign.state_reason == "4 done"


def test_a_bad_release_stops_after_the_canary_and_the_canary_goes_back() -> None:
    [canary, *_] = running(3)
    campaign = a_campaign(newer(), tolerance_per_cent=50)
    campaign = drive(campaign, minutes=30, bad=[canary])
    assert campaign.state == Campaigned.STOPPED
    assert states(campaign) == ["returned", "waiting", "waiting"]
    assert versions() == ["1.0.0"] * 3
    assert Ticket.objects.get().subject.endswith("of static-site 2.0.0 stopped itself")
    item = campaign.items.order_by("pk")[0]
    assert item.state_reason == "it is failed"
    assert [line.event for line in history(item)] == [
        "changing", "failed", "returning", "returned",
    ]  # fmt: skip


def test_later_it_stops_only_beyond_the_tolerance() -> None:
    instances = running(5)
    campaign = a_campaign(newer(), wave_size=4, tolerance_per_cent=20)
    campaign = drive(campaign, minutes=90, bad=instances[1:2])
    assert (campaign.state, states(campaign)) == (
        Campaigned.DONE, ["done", "returned", "done", "done", "done"],
    )  # fmt: skip

    second = a_campaign(newer("3.0.0"), wave_size=4, tolerance_per_cent=20)
    second = drive(second, minutes=90, bad=instances[1:3])
    assert second.state == Campaigned.STOPPED


def test_a_build_that_failed_is_not_waited_for() -> None:
    [one] = running(1)
    release = newer()
    campaign = go(a_campaign(release), NOON)
    one.node.releases.create(  # type: ignore[union-attr]
        organisation=a_provider(), release=release, state="failed", reason="no compiler",
        reported_at=NOON,
    )  # fmt: skip
    campaign = go(campaign, NOON + MINUTE)
    assert campaign.items.get().state_reason == "the release cannot be built: no compiler"


def test_what_does_not_fit_is_left_alone_and_says_where_without_its_value() -> None:
    [one, _] = running(2)
    Instance.objects.filter(pk=one.pk).update(parameters={"title": "s3cret" * 10})
    rules = {"type": "object", "properties": {"title": {"type": "string", "maxLength": 20}}}
    campaign = a_campaign(newer(types={"default": {"parameters": rules}}))
    campaign = drive(campaign, minutes=60)
    first = campaign.items.order_by("pk")[0]
    assert (first.state, first.state_reason) == (
        Item.SKIPPED, "its parameters do not fit the new release at title: maxLength",
    )  # fmt: skip
    assert campaign.state == Campaigned.DONE


def test_changes_are_told_in_sentences() -> None:
    before = {"types": {"default": {
        "parameters": {"properties": {"a": {"default": 1}, "b": {}, "c": {"type": "string"}}},
        "meters": [{"name": "hits"}],
    }}}  # fmt: skip
    after = {"types": {"default": {
        "parameters": {
            "properties": {"a": {"default": 2}, "c": {"type": "string"}, "d": {}, "e": {"default": 0}},  # noqa: E501
            "required": ["d"],
        },
        "meters": [],
    }}}  # fmt: skip
    assert changes(before, after, "default") == [
        "There is a new parameter d: it must be given.",
        "There is a new parameter e: by default 0.",
        "The parameter b is gone.",
        "The parameter a has other rules, by default 2 instead of: by default 1.",
        "It no longer measures hits: what is priced by it is billed no more.",
    ]
    assert changes(before, before, "default") == ["Parameters and meters stay as they are."]
    assert changes(before, after, "big") == [
        "The new release has no type big: such services cannot be upgraded."
    ]
    assert misfit(after, "big", {}) == "the new release has no type big"


def test_without_a_snapshot_a_person_confirms_first() -> None:
    running(2)
    release = newer()
    with pytest.raises(NoSnapshot, match="2 of 2 services keep data"):
        a_campaign(release, without_snapshot=False)
    assert not Campaign.objects.exists()
    stateless = newer("3.0.0", types={"default": {"backup": False}})
    assert a_campaign(stateless, without_snapshot=False).state == Campaigned.RUNNING


class Saves:
    """Answers as the test says."""

    said = "waiting"
    asked: list[str] = []
    back: list[int] = []

    def can_save(self, instance: Instance) -> bool:
        return True

    def ask(self, instance: Instance, *, at: datetime, by: str, why: str) -> int:
        Saves.asked.append(instance.reference)
        return 7

    def answer(self, instance: Instance, number: int) -> str:
        assert number == 7
        return Saves.said

    def bring_back(self, instance: Instance, number: int, *, at: datetime, by: str) -> None:
        Saves.back.append(number)


def test_what_keeps_data_is_saved_before_and_brought_back_after_a_failure(
    settings: LazySettings,
) -> None:
    settings.CAMPAIGN_SAVER = f"{Saves.__module__}.Saves"
    Saves.said, Saves.asked, Saves.back = "waiting", [], []
    [one] = running(1)
    campaign = go(a_campaign(newer(), without_snapshot=False), NOON)
    campaign = go(campaign, NOON + MINUTE)
    assert (states(campaign), Saves.asked, versions()) == (["saving"], [one.reference], ["1.0.0"])
    Saves.said = "good"
    campaign = drive(campaign, minutes=30, bad=[one], since=NOON + 2 * MINUTE)
    assert (states(campaign), Saves.back, versions()) == (["returned"], [7], ["1.0.0"])


def test_what_cannot_be_saved_is_not_changed(settings: LazySettings) -> None:
    settings.CAMPAIGN_SAVER = f"{Saves.__module__}.Saves"
    Saves.said = "the store is full"
    running(1)
    campaign = drive(a_campaign(newer(), without_snapshot=False), minutes=3)
    assert campaign.items.get().state_reason == "no snapshot: the store is full"
    assert versions() == ["1.0.0"]


def needing_consent(instance: Instance, *, allows_security: bool = True) -> None:
    services.agree_terms(
        instance.line.contract, needs_consent=True, allows_security=allows_security, at=NOON, by="x"
    )


def test_who_must_be_asked_is_asked_by_mail_and_the_others_are_told() -> None:
    asked, told = running(2)
    needing_consent(asked)
    campaign = a_campaign(newer())
    mails = {mail.organisation_id: mail for mail in Mail.objects.all()}
    assert mails[asked.organisation_id].subject == "May we upgrade My site to static-site 2.0.0?"
    assert "/campaigns/by-mail?token=" in mails[asked.organisation_id].text
    assert mails[told.organisation_id].subject == "Planned upgrade: static-site 2.0.0"
    campaign = drive(campaign, minutes=60)
    assert states(campaign) == ["waiting", "done"]

    item = campaign.items.get(instance=asked)
    for _ in range(2):
        services.answer(item, agrees=True, at=NOON, by="owner")
    campaign = drive(campaign, minutes=60, since=NOON + 60 * MINUTE)
    assert (campaign.state, states(campaign)) == (Campaigned.DONE, ["done", "done"])
    with pytest.raises(TooLate):
        services.answer(item, agrees=False, at=NOON, by="owner")


@pytest.mark.parametrize(
    ("is_security", "allows", "answer", "ends"),
    [
        (False, True, None, "skipped"),
        (True, True, None, "done"),
        (True, False, None, "skipped"),
        (True, True, False, "skipped"),
    ],
)
def test_after_the_date_only_security_goes_on_without_an_answer_where_it_is_allowed(
    is_security: bool, allows: bool, answer: bool | None, ends: str
) -> None:
    [one] = running(1)
    needing_consent(one, allows_security=allows)
    campaign = a_campaign(newer(), is_security=is_security)
    if answer is not None:
        services.answer(campaign.items.get(), agrees=answer, at=NOON, by="owner")
    campaign = drive(campaign, minutes=20)
    assert states(campaign) == ["waiting"]
    campaign = drive(campaign, minutes=30, since=campaign.answers_until)
    assert states(campaign) == [ends]


def test_refusals_end_with_the_campaign() -> None:
    [one] = running(1)
    needing_consent(one)
    campaign = a_campaign(newer())
    services.answer(campaign.items.get(), agrees=False, at=NOON, by="owner")
    campaign = drive(campaign, minutes=3, since=campaign.answers_until)
    assert (campaign.state, campaign.items.get().state_reason) == (
        Campaigned.DONE,
        "the customer refused",
    )


def test_a_campaign_concerns_who_runs_something_older_and_nobody_twice() -> None:
    running(2)
    release = newer()
    with pytest.raises(NobodyConcerned):
        services.start(a_provider(), a_release(), services.Plan(NOON, **QUICK), at=NOON, by="ops")
    a_campaign(release)
    with pytest.raises(NobodyConcerned):
        a_campaign(release)
    with pytest.raises(BusyAlready):
        services._add(Campaign.objects.get(), list(Instance.objects.all()), at=NOON)


def test_paused_it_begins_nothing_and_cancelled_it_leaves_the_rest_alone() -> None:
    running(2)
    campaign = go(a_campaign(newer()), NOON)
    services.pause(campaign, at=NOON, by="ops", why="a look")
    take_up()
    campaign = drive(campaign, minutes=60)
    assert states(campaign) == ["done", "waiting"]
    services.go_on(campaign, at=NOON, by="ops")
    services.cancel(Campaign.objects.get(), at=NOON, by="ops", why="enough")
    assert states(campaign) == ["done", "skipped"]


def test_all_of_it_can_be_brought_back_by_hand() -> None:
    running(2)
    campaign = drive(a_campaign(newer()), minutes=10)
    services.return_all(campaign, at=NOON, by="ops", why="customers complain")
    campaign = drive(campaign, minutes=5)
    assert (states(campaign), versions()) == (["returned", "waiting"], ["1.0.0", "1.0.0"])


class Killed(BaseException):
    """The worker is gone."""


@contextmanager
def killed_after(step: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Kill the worker after so many moves; the transaction of its step is lost."""
    moves: list[int] = []

    def moved(*args: Any, **kwargs: Any) -> None:
        move(*args, **kwargs)
        moves.append(1)
        if len(moves) == step:
            raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(waves, "move", moved)
        yield moves


@pytest.mark.parametrize("is_bad", [False, True])
@pytest.mark.parametrize("step", range(1, 9))
def test_killed_at_any_step_it_ends_as_if_it_had_not_been(
    step: int, is_bad: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    instances = running(3)
    bad = instances[:1] if is_bad else []
    campaign = a_campaign(newer(), wave_size=2)
    with killed_after(step, monkeypatch) as moves:
        try:
            drive(campaign, minutes=60, bad=bad)
        except Killed:
            assert len(moves) == step
    campaign = drive(campaign, minutes=120, bad=bad)
    ended = (Campaigned.STOPPED, ["returned", "waiting", "waiting"], ["1.0.0"] * 3)
    if not is_bad:
        ended = (Campaigned.DONE, ["done"] * 3, ["2.0.0"] * 3)
    assert (campaign.state, states(campaign), versions()) == ended
    generations = list(Instance.objects.order_by("pk").values_list("generation", flat=True))
    assert generations == ([3, 1, 1] if is_bad else [2, 2, 2])


def test_the_sweep_drives_every_campaign() -> None:
    running(1)
    campaign = a_campaign(newer())
    sweep_campaigns()
    sweep_campaigns()
    assert states(campaign) == ["changing"]
    assert list(queries.running()) == [campaign]


def test_a_campaign_of_the_agent_decides_which_nodes_change_and_frees_them_at_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(waves, "version", lambda: "b" * 64)
    nodes = [a_node(f"n{number}", agent_version="a" * 64) for number in range(3)]
    plan = services.Plan(NOON, **QUICK)
    campaign = services.start_agent(a_provider(), "b" * 64, plan, at=NOON, by="ops")
    assert not upgrading("b" * 64).exists()
    campaign = go(campaign, NOON)
    assert [one.pk for one in upgrading("b" * 64)] == [nodes[0].pk]
    with pytest.raises(BusyAlready):
        services.start_agent(a_provider(), "b" * 64, plan, at=NOON, by="ops")

    for minute in range(120):
        free = ComputeNode.objects.filter(agent_held=False)
        free.update(agent_version="b" * 64)
        campaign = go(campaign, NOON + minute * MINUTE)
    assert (campaign.state, states(campaign)) == (Campaigned.DONE, ["done"] * 3)
    assert not ComputeNode.objects.filter(agent_held=True).exists()


def test_an_agent_that_is_put_back_stops_its_campaign_and_no_other_node_gets_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(waves, "version", lambda: "b" * 64)
    first, _ = (a_node(f"n{number}", agent_version="a" * 64) for number in range(2))
    plan = services.Plan(NOON, **QUICK)
    campaign = services.start_agent(a_provider(), "b" * 64, plan, at=NOON, by="ops")
    campaign = go(campaign, NOON)
    ComputeNode.objects.filter(pk=first.pk).update(
        agent_refused="b" * 64, agent_refusal="it ended by itself with 1\nTraceback"
    )
    for minute in range(1, 4):
        campaign = go(campaign, NOON + minute * MINUTE)
    assert (campaign.state, states(campaign)) == (Campaigned.STOPPED, ["returned", "waiting"])
    item = CampaignItem.objects.get(node=first)
    assert item.state_reason == "the node put it back: it ended by itself with 1"
    assert ComputeNode.objects.filter(agent_held=True).count() == 2

    assert Consent(item.consent) == Consent.NOT_NEEDED
