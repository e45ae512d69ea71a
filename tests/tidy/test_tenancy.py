"""Every table with an organisation is locked twice; a table without one says why here."""

import pytest
from django.apps import apps
from django.db import connection, models

# Tables that belong to no organisation, and why.
NOT_TENANT = {
    "auth": "people may be members of many organisations",
    "contenttypes": "names of models",
    "sessions": "keyed by an unguessable cookie",
    "account": "addresses of people, read by their owner",
    "mfa": "second factors of people, read by their owner",
    "socialaccount": "sign-in of people",
    "erp.organisation": "is the tenant itself",
}


def our_models() -> list[type[models.Model]]:
    return [
        model
        for model in apps.get_models()
        if model._meta.app_label not in NOT_TENANT and model._meta.label_lower not in NOT_TENANT
    ]


@pytest.mark.parametrize("model", our_models(), ids=lambda model: model._meta.label)
def test_every_table_has_its_own_organisation(model: type[models.Model]) -> None:
    field = model._meta.get_field("organisation")
    assert not field.null
    assert hasattr(model._default_manager.all(), "visible_to")


@pytest.mark.django_db
def test_postgresql_locks_every_tenant_table() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_class c JOIN pg_policy p ON p.polrelid = c.oid"
            " WHERE c.relrowsecurity AND p.polname = 'tenant'"
        )
        locked = {name for (name,) in cursor.fetchall()}
    tables = {model._meta.db_table for model in our_models()} | {"erp_organisation"}
    assert tables - locked == set()
