"""Windows in which somebody may work on machines, and everything on one may be held."""

import functools

import django.db.models.deletion
from django.db import migrations, models

import erp.base.identifiers


class Migration(migrations.Migration):
    dependencies = [
        ("erp", "0011_e_invoices_as_wished"),
        ("orchestration", "0011_documents_are_sealed"),
    ]

    operations = [
        migrations.AddField(
            model_name="computenode",
            name="is_held",
            field=models.BooleanField(default=False),
        ),
        migrations.CreateModel(
            name="MaintenanceWindow",
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
                        default=functools.partial(erp.base.identifiers.reference, *("W",)),
                        max_length=12,
                        unique=True,
                    ),
                ),
                ("what", models.CharField(max_length=200)),
                ("region", models.CharField(blank=True, max_length=40)),
                ("weekday", models.PositiveSmallIntegerField(blank=True, null=True)),
                ("hour", models.PositiveSmallIntegerField(default=0)),
                ("minute", models.PositiveSmallIntegerField(default=0)),
                ("zone", models.CharField(default="UTC", max_length=40)),
                ("starts_at", models.DateTimeField(blank=True, null=True)),
                ("duration_minutes", models.PositiveSmallIntegerField()),
                ("notice_hours", models.PositiveSmallIntegerField(default=72)),
                ("movable_hours", models.PositiveSmallIntegerField(default=0)),
                ("created_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                (
                    "contract",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="windows",
                        to="erp.contract",
                    ),
                ),
                (
                    "node",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="windows",
                        to="orchestration.computenode",
                    ),
                ),
                (
                    "organisation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, to="erp.organisation"
                    ),
                ),
            ],
            options={
                "verbose_name": "maintenance window",
                "ordering": ["-pk"],
            },
        ),
        migrations.CreateModel(
            name="Occurrence",
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
                        default=functools.partial(erp.base.identifiers.reference, *("X",)),
                        max_length=12,
                        unique=True,
                    ),
                ),
                ("planned_at", models.DateTimeField()),
                ("starts_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField()),
                ("tell_before", models.DateTimeField()),
                ("announced_at", models.DateTimeField(blank=True, null=True)),
                ("moved_at", models.DateTimeField(blank=True, null=True)),
                ("cancelled_at", models.DateTimeField(blank=True, null=True)),
                (
                    "organisation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, to="erp.organisation"
                    ),
                ),
                (
                    "window",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="occurrences",
                        to="orchestration.maintenancewindow",
                    ),
                ),
            ],
            options={
                "ordering": ["starts_at", "pk"],
            },
        ),
        migrations.AddConstraint(
            model_name="maintenancewindow",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("contract", None), ("node__isnull", False), ("region", "")),
                    models.Q(("contract", None), ("node", None), ("region__gt", "")),
                    models.Q(("contract__isnull", False), ("node", None), ("region", "")),
                    _connector="OR",
                ),
                name="window_of_one_thing",
            ),
        ),
        migrations.AddConstraint(
            model_name="maintenancewindow",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("starts_at__isnull", False), ("weekday", None)),
                    models.Q(
                        ("hour__lte", 23),
                        ("minute__lte", 59),
                        ("starts_at", None),
                        ("weekday__lte", 6),
                    ),
                    _connector="OR",
                ),
                name="window_weekly_or_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="maintenancewindow",
            constraint=models.CheckConstraint(
                condition=models.Q(("duration_minutes__gte", 5), ("duration_minutes__lte", 1440)),
                name="window_has_a_length",
            ),
        ),
        migrations.AddConstraint(
            model_name="maintenancewindow",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("movable_hours", 0), ("contract__isnull", False), _connector="OR"
                ),
                name="window_moved_by_a_contract_only",
            ),
        ),
        migrations.AddIndex(
            model_name="occurrence",
            index=models.Index(fields=["ends_at"], name="occurrence_end"),
        ),
        migrations.AddConstraint(
            model_name="occurrence",
            constraint=models.UniqueConstraint(
                fields=("window", "planned_at"), name="occurrence_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="occurrence",
            constraint=models.CheckConstraint(
                condition=models.Q(("ends_at__gt", models.F("starts_at"))),
                name="occurrence_ends_after_it_starts",
            ),
        ),
        migrations.RunSQL(
            "SELECT tenantry_protect(name::regclass) FROM unnest(ARRAY["
            "'orchestration_maintenancewindow', 'orchestration_occurrence']) AS name",
            migrations.RunSQL.noop,
        ),
    ]
