"""The second lock, tried from inside the application role."""

from datetime import UTC, datetime

import pytest
from django.db import DatabaseError, connection, transaction

from erp.base import scope
from erp.base.journal import JournalLine, record
from erp.customers.models import Organisation

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)


def a_tree() -> tuple[Organisation, Organisation, Organisation]:
    made: list[Organisation] = []
    for kind in ("provider", "reseller", "customer"):
        above = made[-1] if made else None
        one = Organisation(
            kind=kind, name=kind, parent=above, country="FR", email="a@b.fr", created_at=NOON
        )
        one.path = (above.path if above else "") + one.reference + "/"
        one.save()
        made.append(one)
    return made[0], made[1], made[2]


def test_the_application_role_owns_nothing() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT rolsuper, rolbypassrls, (SELECT count(*) FROM pg_class WHERE relowner = r.oid)"
            " FROM pg_roles r WHERE rolname = current_user"
        )
        assert cursor.fetchone() == (False, False, 0)


def test_an_unset_scope_shows_nothing() -> None:
    a_tree()
    with scope._as(scope.NOTHING):
        assert Organisation.objects.count() == 0


def test_a_scope_shows_the_subtree_and_the_names_of_the_sellers() -> None:
    provider, reseller, customer = a_tree()
    record(provider, "made", at=NOON, by="test")
    record(customer, "made", at=NOON, by="test")
    model = type(record(reseller, "made", at=NOON, by="test"))
    with scope.organisations([reseller.pk]):
        assert set(model.objects.values_list("organisation_id", flat=True)) == {
            reseller.pk,
            customer.pk,
        }
        assert Organisation.objects.count() == 3
        with pytest.raises(DatabaseError), transaction.atomic():
            record(provider, "forged", at=NOON, by="test")
        assert model.objects.count() == 2


def explained(model: type[JournalLine]) -> str:
    return str(model.objects.all().explain(analyze=True))


def test_who_speaks_for_the_provider_needs_no_list_of_all_organisations() -> None:
    provider, reseller, customer = a_tree()
    for one in (provider, reseller, customer):
        record(one, "made", at=NOON, by="test")
    with scope.organisations([provider.pk]):
        assert JournalLine.objects.count() == 3
        assert "never executed" in explained(JournalLine)
    with scope.organisations([reseller.pk]):
        assert JournalLine.objects.count() == 2
        assert "never executed" not in explained(JournalLine)


def test_a_rolled_back_transaction_does_not_forget_the_scope() -> None:
    _, reseller, _ = a_tree()
    with pytest.raises(RuntimeError), transaction.atomic(), scope.organisations([reseller.pk]):
        Organisation.objects.count()
        raise RuntimeError
    assert Organisation.objects.count() == 3
    with scope._as(scope.NOTHING):
        assert Organisation.objects.count() == 0


def test_the_journal_is_chained_and_never_changed() -> None:
    provider, _, _ = a_tree()
    first = record(provider, "made", at=NOON, by="test", why="because")
    second = record(provider, "renamed", at=NOON, by="test")
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.position, second.position) == (1, 2)
    assert second.previous_hash == first.hash != ""
    with pytest.raises(DatabaseError), transaction.atomic():
        type(first).objects.filter(pk=first.pk).update(why="forged")
