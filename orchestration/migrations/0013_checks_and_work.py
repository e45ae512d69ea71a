"""Recurring checks with their history, work on nodes, and keys that change."""

import functools

import django.db.models.deletion
from django.db import migrations, models

import erp.base.identifiers
import orchestration.maintenance.states


class Migration(migrations.Migration):
    dependencies = [
        ("erp", "0013_mails_about_maintenance"),
        ("orchestration", "0012_maintenance_windows"),
    ]

    operations = [
        migrations.AddField(
            model_name="computenode",
            name="agent_held",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="computenode",
            name="key_made_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="computenode",
            name="next_key_sealed",
            field=models.TextField(blank=True),
        ),
        migrations.AddField(
            model_name="computenode",
            name="next_public_key",
            field=models.TextField(blank=True),
        ),
        migrations.CreateModel(
            name="Check",
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
                        default=functools.partial(erp.base.identifiers.reference, *("H",)),
                        max_length=12,
                        unique=True,
                    ),
                ),
                ("name", models.CharField(max_length=30)),
                ("owner", models.CharField(blank=True, max_length=150)),
                (
                    "verdict",
                    models.CharField(
                        choices=[
                            ("ok", "Ok"),
                            ("warn", "Warn"),
                            ("failed", "Failed"),
                            ("unknown", "Unknown"),
                        ],
                        max_length=7,
                    ),
                ),
                ("message", models.TextField(blank=True)),
                ("value", models.BigIntegerField(blank=True, null=True)),
                ("since", models.DateTimeField()),
                ("checked_at", models.DateTimeField()),
                ("told_at", models.DateTimeField(blank=True, null=True)),
                (
                    "node",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="checks",
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
                "ordering": ["name", "pk"],
            },
        ),
        migrations.CreateModel(
            name="NodeWork",
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
                        default=functools.partial(erp.base.identifiers.reference, *("J",)),
                        max_length=12,
                        unique=True,
                    ),
                ),
                (
                    "how",
                    models.CharField(
                        choices=[
                            ("close", "take no new instances; what is there runs on"),
                            (
                                "drain",
                                "move what is there to other nodes, and wait until it is empty",
                            ),
                            ("stop", "stop what is there, with its data, until the work is done"),
                        ],
                        max_length=6,
                    ),
                ),
                ("what", models.CharField(max_length=200)),
                ("was_open", models.BooleanField(default=True)),
                ("created_at", models.DateTimeField()),
                (
                    "node",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="works",
                        to="orchestration.computenode",
                    ),
                ),
                (
                    "occurrence",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="works",
                        to="orchestration.occurrence",
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
                "verbose_name": "work on a node",
                "ordering": ["-pk"],
            },
        ),
        migrations.CreateModel(
            name="Reading",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("at", models.DateTimeField()),
                (
                    "verdict",
                    models.CharField(
                        choices=[
                            ("ok", "Ok"),
                            ("warn", "Warn"),
                            ("failed", "Failed"),
                            ("unknown", "Unknown"),
                        ],
                        max_length=7,
                    ),
                ),
                ("message", models.TextField(blank=True)),
                ("value", models.BigIntegerField(blank=True, null=True)),
                (
                    "check_of",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="readings",
                        to="orchestration.check",
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
                "ordering": ["at", "pk"],
            },
        ),
        migrations.AddConstraint(
            model_name="check",
            constraint=models.UniqueConstraint(
                fields=("name", "node"), name="check_once_per_subject", nulls_distinct=False
            ),
        ),
        migrations.AddConstraint(
            model_name="check",
            constraint=models.CheckConstraint(
                condition=models.Q(("verdict__in", orchestration.maintenance.states.Verdict)),
                name="check_verdict_is_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="nodework",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state__in", ("planned", "preparing", "working", "checking"))),
                fields=("node",),
                name="nodework_one_at_a_time",
            ),
        ),
        migrations.AddConstraint(
            model_name="nodework",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", orchestration.maintenance.states.Work)),
                name="nodework_state_is_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="nodework",
            constraint=models.CheckConstraint(
                condition=models.Q(("how__in", orchestration.maintenance.states.How)),
                name="nodework_how_is_known",
            ),
        ),
        migrations.AddIndex(
            model_name="reading",
            index=models.Index(fields=["check_of", "-at"], name="reading_newest"),
        ),
        migrations.AddIndex(
            model_name="reading",
            index=models.Index(fields=["at"], name="reading_oldest"),
        ),
        migrations.RunSQL(
            "UPDATE orchestration_computenode SET key_made_at = created_at"
            " WHERE private_key_sealed > ''",
            migrations.RunSQL.noop,
        ),
        migrations.RunSQL(
            "SELECT tenantry_protect(name::regclass) FROM unnest(ARRAY["
            "'orchestration_nodework', 'orchestration_check', 'orchestration_reading']) AS name",
            migrations.RunSQL.noop,
        ),
    ]
