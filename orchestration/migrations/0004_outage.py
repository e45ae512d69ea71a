"""Keep when promises failed; locked per tenant, like every table."""

import django.contrib.postgres.constraints
import django.contrib.postgres.fields.ranges
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("erp", "0005_children_are_seen_at_birth"),
        ("orchestration", "0003_computenode_report_hash"),
    ]

    operations = [
        migrations.CreateModel(
            name="Outage",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("promise", models.CharField(max_length=80)),
                ("message", models.TextField(blank=True)),
                ("tolerance_seconds", models.PositiveIntegerField()),
                ("since", models.DateTimeField()),
                ("until", models.DateTimeField(blank=True, null=True)),
                ("told_over_at", models.DateTimeField(blank=True, null=True)),
                (
                    "instance",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="outages",
                        to="orchestration.instance",
                    ),
                ),
                (
                    "organisation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, to="erp.organisation"
                    ),
                ),
                (
                    "ticket",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="erp.ticket",
                    ),
                ),
            ],
            options={
                "ordering": ["since", "pk"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("until", None)), fields=["since"], name="outage_open"
                    ),
                    models.Index(
                        condition=models.Q(("ticket__isnull", False), ("told_over_at", None)),
                        fields=["instance"],
                        name="outage_told",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("until", None), ("until__gte", models.F("since")), _connector="OR"
                        ),
                        name="outage_ends_after_it_starts",
                    ),
                    django.contrib.postgres.constraints.ExclusionConstraint(
                        expressions=[
                            ("instance", "="),
                            ("promise", "="),
                            (
                                models.Func(
                                    "since",
                                    "until",
                                    function="TSTZRANGE",
                                    output_field=django.contrib.postgres.fields.ranges.DateTimeRangeField(),
                                ),
                                "&&",
                            ),
                        ],
                        name="outage_once_at_a_time",
                    ),
                ],
            },
        ),
        migrations.RunSQL(
            "SELECT tenantry_protect('orchestration_outage')", migrations.RunSQL.noop
        ),
    ]
