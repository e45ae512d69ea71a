"""What is given back of an invoice for a month in which a service was not available enough."""

import functools

import django.db.models.deletion
from django.db import migrations, models

import erp.base.identifiers


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0018_wholesale"),
        ("erp", "0016_service_levels"),
    ]

    operations = [
        migrations.CreateModel(
            name="ServiceCredit",
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
                        default=functools.partial(erp.base.identifiers.reference, *("U",)),
                        max_length=12,
                        unique=True,
                    ),
                ),
                ("month_on", models.DateField()),
                ("currency", models.CharField(max_length=3)),
                ("net_minor", models.BigIntegerField()),
                ("lines", models.JSONField()),
                ("created_at", models.DateTimeField()),
                (
                    "contract",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, to="erp.contract"
                    ),
                ),
                (
                    "credit_note",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="service_credit",
                        to="billing.invoice",
                    ),
                ),
                (
                    "invoice",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="service_credits",
                        to="billing.invoice",
                    ),
                ),
                (
                    "issuer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="given_service_credits",
                        to="erp.organisation",
                    ),
                ),
                (
                    "organisation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="service_credits",
                        to="erp.organisation",
                    ),
                ),
            ],
            options={
                "ordering": ["-pk"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("invoice", "month_on"), name="servicecredit_once_per_month"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("state__in", ["kept", "drafted", "approved", "refused"])
                        ),
                        name="servicecredit_state_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("net_minor", 0), ("state", "kept")),
                            models.Q(
                                models.Q(("state", "kept"), _negated=True), ("net_minor__gt", 0)
                            ),
                            _connector="OR",
                        ),
                        name="servicecredit_of_something",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("credit_note__isnull", False), ("state", "approved")),
                            models.Q(
                                models.Q(("state", "approved"), _negated=True),
                                ("credit_note", None),
                            ),
                            _connector="OR",
                        ),
                        name="servicecredit_approved_has_a_credit_note",
                    ),
                ],
            },
        ),
        migrations.RunSQL(
            "SELECT tenantry_protect('billing_servicecredit');", migrations.RunSQL.noop
        ),
    ]
