"""Upgrade campaigns, their items, and what contracts say about upgrades."""

import functools

import django.db.models.deletion
from django.db import migrations, models

import erp.base.identifiers


class Migration(migrations.Migration):
    dependencies = [
        ("erp", "0013_mails_about_maintenance"),
        ("orchestration", "0015_what_nodes_cost"),
    ]

    operations = [
        migrations.CreateModel(
            name="Campaign",
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
                        default=functools.partial(erp.base.identifiers.reference, *("G",)),
                        max_length=12,
                        unique=True,
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[("release", "Release"), ("agent", "Agent")], max_length=7
                    ),
                ),
                ("agent_version", models.CharField(blank=True, max_length=64)),
                ("is_security", models.BooleanField(default=False)),
                ("without_snapshot", models.BooleanField(default=False)),
                ("answers_until", models.DateTimeField()),
                ("canary", models.PositiveSmallIntegerField(default=1)),
                ("wave_size", models.PositiveSmallIntegerField(default=10)),
                ("pause_minutes", models.PositiveIntegerField(default=30)),
                ("patience_minutes", models.PositiveIntegerField(default=15)),
                ("watch_minutes", models.PositiveIntegerField(default=5)),
                ("tolerance_per_cent", models.PositiveSmallIntegerField(default=0)),
                ("wave", models.PositiveIntegerField(default=0)),
                ("next_wave_at", models.DateTimeField(blank=True, null=True)),
                ("started_by", models.CharField(max_length=150)),
                ("created_at", models.DateTimeField()),
                (
                    "organisation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, to="erp.organisation"
                    ),
                ),
                (
                    "release",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="campaigns",
                        to="orchestration.softwarerelease",
                    ),
                ),
            ],
            options={
                "ordering": ["-pk"],
            },
        ),
        migrations.CreateModel(
            name="CampaignItem",
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
                        default=functools.partial(erp.base.identifiers.reference, *("Z",)),
                        max_length=12,
                        unique=True,
                    ),
                ),
                (
                    "consent",
                    models.CharField(
                        choices=[
                            ("not_needed", "Not Needed"),
                            ("asked", "Asked"),
                            ("given", "Given"),
                            ("refused", "Refused"),
                        ],
                        default="not_needed",
                        max_length=10,
                    ),
                ),
                ("answered_by", models.CharField(blank=True, max_length=150)),
                ("wave", models.PositiveIntegerField(blank=True, null=True)),
                ("snapshot", models.PositiveIntegerField(blank=True, null=True)),
                ("generation", models.PositiveIntegerField(default=0)),
                ("well_since", models.DateTimeField(blank=True, null=True)),
                (
                    "campaign",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="items",
                        to="orchestration.campaign",
                    ),
                ),
                (
                    "from_release",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="orchestration.softwarerelease",
                    ),
                ),
                (
                    "instance",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="campaign_items",
                        to="orchestration.instance",
                    ),
                ),
                (
                    "node",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="campaign_items",
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
                "ordering": ["pk"],
            },
        ),
        migrations.CreateModel(
            name="UpgradeTerms",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("needs_consent", models.BooleanField(default=False)),
                ("allows_security", models.BooleanField(default=True)),
                (
                    "contract",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="upgrade_terms",
                        to="erp.contract",
                    ),
                ),
                (
                    "organisation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, to="erp.organisation"
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name="campaign",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("agent_version", ""), ("kind", "release"), ("release__isnull", False)
                    ),
                    models.Q(("agent_version__gt", ""), ("kind", "agent"), ("release", None)),
                    _connector="OR",
                ),
                name="campaign_of_a_release_or_the_agent",
            ),
        ),
        migrations.AddConstraint(
            model_name="campaign",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("state__in", ["running", "paused", "stopped", "done", "cancelled"])
                ),
                name="campaign_state_is_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="campaign",
            constraint=models.CheckConstraint(
                condition=models.Q(("canary__gte", 1), ("wave_size__gte", 1)),
                name="campaign_waves_have_a_size",
            ),
        ),
        migrations.AddConstraint(
            model_name="campaign",
            constraint=models.UniqueConstraint(
                condition=models.Q(
                    ("kind", "agent"), models.Q(("state__in", ["done", "cancelled"]), _negated=True)
                ),
                fields=("kind",),
                name="campaign_one_of_the_agent",
            ),
        ),
        migrations.AddConstraint(
            model_name="campaignitem",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("instance__isnull", False), ("node", None)),
                    models.Q(("instance", None), ("node__isnull", False)),
                    _connector="OR",
                ),
                name="campaignitem_of_an_instance_or_a_node",
            ),
        ),
        migrations.AddConstraint(
            model_name="campaignitem",
            constraint=models.UniqueConstraint(
                condition=models.Q(
                    ("state__in", ("waiting", "saving", "changing", "failed", "returning"))
                ),
                fields=("instance",),
                name="campaignitem_one_open_per_instance",
            ),
        ),
        migrations.AddConstraint(
            model_name="campaignitem",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "state__in",
                        [
                            "waiting",
                            "saving",
                            "changing",
                            "done",
                            "failed",
                            "returning",
                            "returned",
                            "skipped",
                        ],
                    )
                ),
                name="campaignitem_state_is_known",
            ),
        ),
        migrations.RunSQL(
            "SELECT tenantry_protect(name::regclass) FROM unnest(ARRAY["
            "'orchestration_upgradeterms', 'orchestration_campaign',"
            " 'orchestration_campaignitem']) AS name",
            migrations.RunSQL.noop,
        ),
    ]
