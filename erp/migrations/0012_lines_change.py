"""Plan and quantity of a line change: its prices are dated, and count its pieces."""

import functools
from decimal import Decimal

import django.contrib.postgres.constraints
import django.contrib.postgres.fields.ranges
import django.db.models.deletion
from django.db import migrations, models

import erp.base.identifiers

FILL = """
UPDATE erp_lineprice p SET quantity = l.quantity
FROM erp_contractline l WHERE l.id = p.line_id AND l.quantity <> 1;
"""
LOCK = "SELECT tenantry_protect('erp_linechange');"


class Migration(migrations.Migration):
    dependencies = [
        ("erp", "0011_e_invoices_as_wished"),
    ]

    operations = [
        migrations.CreateModel(
            name="LineChange",
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
                        default=functools.partial(erp.base.identifiers.reference, *("H",)),
                        max_length=12,
                        unique=True,
                    ),
                ),
                ("idempotency_key", models.CharField(max_length=80)),
                ("from_quantity", models.DecimalField(decimal_places=3, max_digits=12)),
                ("to_quantity", models.DecimalField(decimal_places=3, max_digits=12)),
                (
                    "upgrades",
                    models.CharField(
                        choices=[
                            ("prorated", "Each plan for its part of the month"),
                            ("full_month", "The greater plan for the whole month"),
                        ],
                        max_length=10,
                    ),
                ),
                ("effective_at", models.DateTimeField()),
                ("base_from", models.DateTimeField()),
                ("monthly_before_minor", models.BigIntegerField()),
                ("monthly_after_minor", models.BigIntegerField()),
                ("asked_at", models.DateTimeField()),
                ("asked_by", models.CharField(max_length=150)),
            ],
            options={
                "verbose_name": "change",
                "ordering": ["-pk"],
            },
        ),
        migrations.AlterModelOptions(
            name="lineprice",
            options={"ordering": ["line", "kind", "meter", "pk"]},
        ),
        migrations.RemoveConstraint(
            model_name="lineprice",
            name="lineprice_once",
        ),
        migrations.RemoveConstraint(
            model_name="lineprice",
            name="lineprice_not_negative",
        ),
        migrations.AddField(
            model_name="lineprice",
            name="ends_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="lineprice",
            name="in_advance",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="lineprice",
            name="quantity",
            field=models.DecimalField(decimal_places=3, default=Decimal("1"), max_digits=12),
        ),
        migrations.AddField(
            model_name="lineprice",
            name="starts_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="price",
            name="in_advance",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="pricelist",
            name="upgrades",
            field=models.CharField(
                choices=[
                    ("prorated", "Each plan for its part of the month"),
                    ("full_month", "The greater plan for the whole month"),
                ],
                default="prorated",
                max_length=10,
            ),
        ),
        migrations.AddConstraint(
            model_name="lineprice",
            constraint=django.contrib.postgres.constraints.ExclusionConstraint(
                expressions=[
                    ("line", "="),
                    ("kind", "="),
                    ("meter", "="),
                    (
                        models.Func(
                            "starts_at",
                            "ends_at",
                            function="TSTZRANGE",
                            output_field=django.contrib.postgres.fields.ranges.DateTimeRangeField(),
                        ),
                        "&&",
                    ),
                ],
                name="lineprice_one_at_a_time",
            ),
        ),
        migrations.AddConstraint(
            model_name="lineprice",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("unit_price__gte", 0), ("included_quantity__gte", 0), ("quantity__gt", 0)
                ),
                name="lineprice_not_negative",
            ),
        ),
        migrations.AddConstraint(
            model_name="lineprice",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("starts_at", None),
                    ("ends_at", None),
                    ("ends_at__gt", models.F("starts_at")),
                    _connector="OR",
                ),
                name="lineprice_ends_after_it_starts",
            ),
        ),
        migrations.AddConstraint(
            model_name="lineprice",
            constraint=models.CheckConstraint(
                condition=models.Q(("in_advance", False), ("kind", "recurring"), _connector="OR"),
                name="lineprice_base_price_in_advance",
            ),
        ),
        migrations.AddConstraint(
            model_name="price",
            constraint=models.CheckConstraint(
                condition=models.Q(("in_advance", False), ("kind", "recurring"), _connector="OR"),
                name="price_base_price_in_advance",
            ),
        ),
        migrations.AddField(
            model_name="linechange",
            name="from_plan",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="erp.plan"
            ),
        ),
        migrations.AddField(
            model_name="linechange",
            name="line",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="changes",
                to="erp.contractline",
            ),
        ),
        migrations.AddField(
            model_name="linechange",
            name="organisation",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, to="erp.organisation"
            ),
        ),
        migrations.AddField(
            model_name="linechange",
            name="to_plan",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="erp.plan"
            ),
        ),
        migrations.AddIndex(
            model_name="linechange",
            index=models.Index(
                condition=models.Q(("state", "planned")),
                fields=["effective_at"],
                name="linechange_planned",
            ),
        ),
        migrations.AddConstraint(
            model_name="linechange",
            constraint=models.UniqueConstraint(
                fields=("line", "idempotency_key"), name="linechange_once_per_key"
            ),
        ),
        migrations.AddConstraint(
            model_name="linechange",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "planned")),
                fields=("line",),
                name="linechange_one_planned",
            ),
        ),
        migrations.AddConstraint(
            model_name="linechange",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["planned", "applied", "cancelled"])),
                name="linechange_state_is_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="linechange",
            constraint=models.CheckConstraint(
                condition=models.Q(("to_quantity__gt", 0)), name="linechange_quantity_positive"
            ),
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
        migrations.RunSQL(LOCK, migrations.RunSQL.noop),
    ]
