"""Questions about VAT numbers, each answered once; the answer is evidence and stays."""

import functools

import django.db.models.deletion
from django.db import migrations, models

import erp.base.identifiers

SQL = """
SELECT tenantry_protect('billing_vatcheck');

CREATE FUNCTION tenantry_guard_vatcheck() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR OLD.state <> 'waiting'
        OR (NEW.organisation_id, NEW.number, NEW.asked_at)
           IS DISTINCT FROM (OLD.organisation_id, OLD.number, OLD.asked_at) THEN
        RAISE EXCEPTION 'answers about VAT numbers are evidence and never change'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER guard BEFORE UPDATE OR DELETE ON billing_vatcheck
    FOR EACH ROW EXECUTE FUNCTION tenantry_guard_vatcheck();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0013_credit_notes"),
        ("erp", "0011_e_invoices_as_wished"),
    ]

    operations = [
        migrations.CreateModel(
            name="VatCheck",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("state", models.CharField(max_length=20)),
                ("state_since", models.DateTimeField()),
                ("state_reason", models.TextField(blank=True)),
                (
                    "reference",
                    models.CharField(
                        default=functools.partial(erp.base.identifiers.reference, *("T",)),
                        max_length=12,
                        unique=True,
                    ),
                ),
                ("number", models.CharField(max_length=20)),
                ("requester", models.CharField(blank=True, max_length=20)),
                ("asked_at", models.DateTimeField()),
                ("next_attempt_at", models.DateTimeField()),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("last_error", models.CharField(blank=True, max_length=300)),
                ("answered_at", models.DateTimeField(null=True)),
                ("consultation", models.CharField(blank=True, max_length=60)),
                ("answer", models.JSONField(default=dict)),
                (
                    "organisation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="vat_checks",
                        to="erp.organisation",
                    ),
                ),
            ],
            options={
                "ordering": ["-pk"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "waiting")),
                        fields=["next_attempt_at"],
                        name="vatcheck_to_ask",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state", "waiting")),
                        fields=("organisation", "number"),
                        name="vatcheck_one_question_at_a_time",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("answered_at", None), ("state", "waiting")),
                            models.Q(
                                ("answered_at__isnull", False),
                                ("state__in", ["valid", "invalid", "confirmed"]),
                            ),
                            _connector="OR",
                        ),
                        name="vatcheck_answered_has_a_moment",
                    ),
                ],
            },
        ),
        migrations.RunSQL(SQL, migrations.RunSQL.noop),
    ]
