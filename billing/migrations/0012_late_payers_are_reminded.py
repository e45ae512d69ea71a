"""The policy against late payers, what holds it, and what was done by it."""

import django.db.models.deletion
from django.db import migrations, models

SQL = """
SELECT tenantry_protect(name::regclass) FROM unnest(ARRAY[
    'billing_dunningstep', 'billing_dunninghold', 'billing_dunningact']) AS name;

-- What was done stays done; only what it stopped may be lifted, or handed to another invoice.
CREATE FUNCTION tenantry_guard_dunningact() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE'
        OR to_jsonb(OLD) - ARRAY['suspended_at', 'lifted_at']
           IS DISTINCT FROM to_jsonb(NEW) - ARRAY['suspended_at', 'lifted_at'] THEN
        RAISE EXCEPTION 'steps that were taken stay' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER guard BEFORE UPDATE OR DELETE ON billing_dunningact
    FOR EACH ROW EXECUTE FUNCTION tenantry_guard_dunningact();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0011_banks_tell_once"),
        ("erp", "0009_prices_have_terms"),
    ]

    operations = [
        migrations.CreateModel(
            name="DunningAct",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("position", models.PositiveSmallIntegerField()),
                ("days", models.PositiveSmallIntegerField()),
                (
                    "action",
                    models.CharField(
                        choices=[
                            ("remind", "Remind"),
                            ("warn", "Warn"),
                            ("suspend", "Suspend the service"),
                            ("end", "End the service"),
                        ],
                        max_length=10,
                    ),
                ),
                ("fee_minor", models.PositiveIntegerField(default=0)),
                ("done_on", models.DateField()),
                ("done_at", models.DateTimeField()),
                ("suspended_at", models.DateTimeField(null=True)),
                ("lifted_at", models.DateTimeField(null=True)),
                (
                    "contract",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="erp.contract",
                    ),
                ),
                (
                    "invoice",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="dunning_acts",
                        to="billing.invoice",
                    ),
                ),
                (
                    "issuer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="erp.organisation",
                    ),
                ),
                (
                    "organisation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="dunning_acts",
                        to="erp.organisation",
                    ),
                ),
            ],
            options={
                "ordering": ["-pk"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("lifted_at", None), ("suspended_at__isnull", False)),
                        fields=["contract"],
                        name="dunningact_to_lift",
                    ),
                    models.Index(fields=["issuer", "-id"], name="dunningact_of_issuer"),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("invoice", "position"), name="dunningact_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="DunningHold",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("dispute", "The invoice is disputed"),
                            ("promise", "The customer promised to pay"),
                            ("exempt", "An exception for this customer"),
                        ],
                        max_length=10,
                    ),
                ),
                ("until_on", models.DateField(null=True)),
                ("why", models.CharField(max_length=200)),
                ("made_at", models.DateTimeField()),
                ("made_by", models.CharField(max_length=150)),
                ("ended_at", models.DateTimeField(null=True)),
                ("ended_by", models.CharField(blank=True, max_length=150)),
                (
                    "invoice",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="holds",
                        to="billing.invoice",
                    ),
                ),
                (
                    "issuer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="erp.organisation",
                    ),
                ),
                (
                    "organisation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="dunning_holds",
                        to="erp.organisation",
                    ),
                ),
                (
                    "ticket",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="erp.ticket",
                    ),
                ),
            ],
            options={
                "ordering": ["-pk"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("ended_at", None)),
                        fields=["issuer", "organisation"],
                        name="hold_standing",
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("kind", "promise"), _negated=True),
                            ("until_on__isnull", False),
                            _connector="OR",
                        ),
                        name="dunninghold_promise_has_a_day",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="DunningStep",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("position", models.PositiveSmallIntegerField()),
                ("days", models.PositiveSmallIntegerField()),
                (
                    "action",
                    models.CharField(
                        choices=[
                            ("remind", "Remind"),
                            ("warn", "Warn"),
                            ("suspend", "Suspend the service"),
                            ("end", "End the service"),
                        ],
                        max_length=10,
                    ),
                ),
                ("fee_minor", models.PositiveIntegerField(default=0)),
                (
                    "organisation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="dunning_steps",
                        to="erp.organisation",
                    ),
                ),
            ],
            options={
                "ordering": ["organisation", "position"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organisation", "position"), name="dunningstep_position_once"
                    ),
                    models.UniqueConstraint(
                        fields=("organisation", "days"), name="dunningstep_day_once"
                    ),
                ],
            },
        ),
        migrations.RunSQL(SQL, migrations.RunSQL.noop),
    ]
