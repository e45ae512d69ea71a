"""The pages on which a desk is set up."""

import pytest

from erp.customers.states import Role
from erp.desk.models import Calendar, CannedAnswer, Queue, TicketTemplate
from tests.erp.builders import Tree, a_client, a_member
from tests.erp.desk.builders import a_calendar, a_queue


def test_a_desk_is_set_up_from_nothing(tree: Tree) -> None:
    bob = a_client(a_member(tree.reseller, Role.SUPPORT))
    hours = {
        "name": "Office", "time_zone": "Europe/Paris", "week": "mon 09:00-17:00",
        "holidays": "2026-12-25\n2026-05-01\n2026-12-25",
    }  # fmt: skip
    bob.post("/desk/new?kind=calendar", hours)
    calendar = Calendar.objects.get()
    assert (calendar.week, calendar.holidays) == (
        {"mon": ["09:00-17:00"]}, ["2026-05-01", "2026-12-25"],
    )  # fmt: skip

    queue = {"name": "First line", "is_default": "on", "calendar": str(calendar.pk)}
    answer = bob.post("/desk/new?kind=queue", queue | {"answer_3": "60", "resolve_1": "120"})
    assert answer.headers["Location"] == f"/desk/?of={tree.reseller.reference}"
    made = Queue.objects.get()
    assert (made.organisation, made.is_default, made.calendar) == (tree.reseller, True, calendar)
    assert [(t.priority, t.answer_minutes, t.resolve_minutes) for t in made.targets.all()] == [
        (1, None, 120), (3, 60, None),
    ]  # fmt: skip

    bob.post("/desk/new?kind=answer", {"name": "Hello", "body": "Hello {person}"})
    bob.post("/desk/new?kind=template", {"name": "Down", "subject": "Down", "priority": "1"})
    page = bob.get("/desk/").content.decode()
    for name in ("First line", "Office", "Hello", "Down", "Urgent: – / 120 min"):
        assert name in page


def test_there_is_one_default_queue(tree: Tree) -> None:
    first = a_queue(tree.reseller)
    bob = a_client(a_member(tree.reseller, Role.SUPPORT))

    bob.post("/desk/new?kind=queue", {"name": "Second line", "is_default": "on"})
    assert list(Queue.objects.filter(is_default=True).values_list("name", flat=True)) == [
        "Second line"
    ]
    bob.post(f"/desk/queue/{first.reference}", {"name": "First line", "is_default": "on"})

    assert Queue.objects.get(is_default=True) == first
    assert not first.targets.exists()


@pytest.mark.parametrize(
    ("kind", "wrong", "said"),
    [
        ("calendar", {"week": "mon 9-5", "time_zone": "UTC"}, "windows are like 09:00-17:30"),
        ("calendar", {"week": "mon 09:00-17:00", "time_zone": "Moon/Sea"}, "There is no such zone"),
        ("calendar", {"week": "mon 09:00-17:00", "time_zone": "UTC", "holidays": "x"}, "No date"),
        ("queue", {"answer_3": "60", "resolve_3": "30"}, "Later than the resolution."),
        ("answer", {"body": "{password}"}, "There is no field password."),
        ("queue", {"name": "First line"}, "with this name already"),
    ],
)
def test_a_wrong_word_is_shown_again(
    tree: Tree, kind: str, wrong: dict[str, str], said: str
) -> None:
    a_queue(tree.reseller)
    bob = a_client(a_member(tree.reseller, Role.SUPPORT))

    answer = bob.post(f"/desk/new?kind={kind}", {"name": "New"} | wrong)

    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert (Queue.objects.count(), Calendar.objects.count()) == (1, 0)
    assert not CannedAnswer.objects.exists()


def test_hours_and_holidays_are_shown_as_they_are_typed(tree: Tree) -> None:
    calendar = a_calendar(tree.reseller, week={"mon": ["09:00-17:00"]}, holidays=["2026-12-25"])
    bob = a_client(a_member(tree.reseller, Role.SUPPORT))

    page = bob.get(f"/desk/calendar/{calendar.reference}")

    assert page.context["form"].initial["week"] == "mon 09:00-17:00"
    assert page.context["form"].initial["holidays"] == "2026-12-25"


def test_texts_are_removed_and_queues_are_not(tree: Tree) -> None:
    facts = {"organisation": tree.reseller, "name": "Old", "body": "x"}
    answer, template = CannedAnswer.objects.create(**facts), TicketTemplate.objects.create(**facts)
    bob = a_client(a_member(tree.reseller, Role.SUPPORT))
    eve = a_client(a_member(tree.other_reseller, Role.SUPPORT))

    assert eve.post(f"/desk/answer/{answer.reference}/remove").status_code == 404
    bob.post(f"/desk/answer/{answer.reference}/remove")
    bob.post(f"/desk/template/{template.reference}/remove")

    assert not CannedAnswer.objects.exists() and not TicketTemplate.objects.exists()


def test_a_customer_sets_up_no_desk(tree: Tree) -> None:
    owner = a_client(a_member(tree.customer, Role.OWNER))

    assert owner.get("/desk/").status_code == 403
    assert owner.get("/desk/new?kind=queue").status_code == 403
    assert a_client(a_member(tree.reseller, Role.SUPPORT)).get("/desk/new").status_code == 404
