"""What a customer or a service may cost in a month."""

import functools

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

import erp.base.identifiers


class Migration(migrations.Migration):
    dependencies = [
        ("erp", "0018_plans_promise_backups"),
    ]

    operations = [
        migrations.CreateModel(
            name="Budget",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "reference",
                    models.CharField(
                        default=functools.partial(erp.base.identifiers.reference, *("Y",)),
                        max_length=12,
                        unique=True,
                    ),
                ),
                ("monthly_minor", models.BigIntegerField()),
                ("currency", models.CharField(max_length=3)),
                (
                    "alerts",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.PositiveSmallIntegerField(),
                        blank=True,
                        default=list,
                        size=None,
                    ),
                ),
                ("is_hard", models.BooleanField(default=False)),
                ("set_at", models.DateTimeField()),
                ("set_by", models.CharField(max_length=150)),
                ("watched_at", models.DateTimeField(blank=True, null=True)),
                (
                    "contract",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="budget",
                        to="erp.contract",
                    ),
                ),
                (
                    "organisation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="budgets",
                        to="erp.organisation",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("contract", None)),
                        fields=("organisation",),
                        name="budget_one_per_customer",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("monthly_minor__gt", 0)), name="budget_positive"
                    ),
                ],
            },
        ),
        migrations.RunSQL("SELECT tenantry_protect('erp_budget');", migrations.RunSQL.noop),
    ]
