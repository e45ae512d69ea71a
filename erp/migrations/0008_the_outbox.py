"""Messages that wait to leave, and who wants which; locked as every table of tenants."""

import functools

import django.db.models.deletion
from django.db import migrations, models

import erp.base.identifiers
import erp.outbox.models

LOCKS = """
SELECT tenantry_protect(name::regclass) FROM unnest(ARRAY[
    'erp_mail', 'erp_preference', 'erp_endpoint', 'erp_delivery']) AS name;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("erp", "0007_wishes_of_the_place"),
    ]

    operations = [
        migrations.CreateModel(
            name="Endpoint",
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
                        default=functools.partial(erp.base.identifiers.reference, *("W",)),
                        max_length=12,
                        unique=True,
                    ),
                ),
                ("url", models.CharField(max_length=500)),
                ("events", models.JSONField(default=list)),
                ("secret_sealed", models.TextField()),
                ("old_secret_sealed", models.TextField(blank=True)),
                ("old_secret_until", models.DateTimeField(blank=True, null=True)),
                ("failing_since", models.DateTimeField(blank=True, null=True)),
                ("created_at", models.DateTimeField()),
                (
                    "organisation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, to="erp.organisation"
                    ),
                ),
            ],
            options={
                "verbose_name": "webhook",
                "ordering": ["pk"],
            },
        ),
        migrations.CreateModel(
            name="Delivery",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("sending", "Sending"),
                            ("sent", "Sent"),
                            ("failed", "Failed"),
                            ("given_up", "Given Up"),
                        ],
                        default="waiting",
                        max_length=10,
                    ),
                ),
                ("state_since", models.DateTimeField()),
                ("state_reason", models.TextField(blank=True)),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("next_attempt_at", models.DateTimeField()),
                ("claim", models.CharField(blank=True, max_length=32)),
                ("created_at", models.DateTimeField()),
                ("sent_at", models.DateTimeField(blank=True, null=True)),
                (
                    "webhook_id",
                    models.CharField(
                        default=erp.outbox.models._webhook_id, max_length=40, unique=True
                    ),
                ),
                ("key", models.CharField(max_length=160)),
                ("event", models.CharField(max_length=40)),
                ("payload", models.TextField()),
                ("response_status", models.PositiveSmallIntegerField(blank=True, null=True)),
                ("response_text", models.CharField(blank=True, max_length=300)),
                (
                    "organisation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, to="erp.organisation"
                    ),
                ),
                (
                    "endpoint",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="deliveries",
                        to="erp.endpoint",
                    ),
                ),
            ],
            options={
                "ordering": ["-pk"],
            },
        ),
        migrations.CreateModel(
            name="Mail",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("sending", "Sending"),
                            ("sent", "Sent"),
                            ("failed", "Failed"),
                            ("given_up", "Given Up"),
                        ],
                        default="waiting",
                        max_length=10,
                    ),
                ),
                ("state_since", models.DateTimeField()),
                ("state_reason", models.TextField(blank=True)),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("next_attempt_at", models.DateTimeField()),
                ("claim", models.CharField(blank=True, max_length=32)),
                ("created_at", models.DateTimeField()),
                ("sent_at", models.DateTimeField(blank=True, null=True)),
                (
                    "reference",
                    models.CharField(
                        default=functools.partial(erp.base.identifiers.reference, *("M",)),
                        max_length=12,
                        unique=True,
                    ),
                ),
                ("key", models.CharField(max_length=160)),
                (
                    "topic",
                    models.CharField(
                        choices=[
                            ("incidents", "Incidents"),
                            ("tickets", "Tickets"),
                            ("invoices", "Invoices"),
                            ("account", "Account"),
                        ],
                        max_length=12,
                    ),
                ),
                ("recipient", models.EmailField(max_length=254)),
                ("language", models.CharField(max_length=5)),
                ("subject", models.CharField(max_length=250)),
                ("text", models.TextField()),
                ("html", models.TextField()),
                ("headers", models.JSONField(default=dict)),
                ("attachments", models.JSONField(default=list)),
                ("about_kind", models.CharField(blank=True, max_length=40)),
                ("about_reference", models.CharField(blank=True, max_length=60)),
                (
                    "organisation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, to="erp.organisation"
                    ),
                ),
            ],
            options={
                "ordering": ["-pk"],
            },
        ),
        migrations.CreateModel(
            name="Preference",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "topic",
                    models.CharField(
                        choices=[
                            ("incidents", "Incidents"),
                            ("tickets", "Tickets"),
                            ("invoices", "Invoices"),
                            ("account", "Account"),
                        ],
                        max_length=12,
                    ),
                ),
                ("is_wanted", models.BooleanField()),
                (
                    "member",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="preferences",
                        to="erp.member",
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
            model_name="endpoint",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["active", "disabled", "retired"])),
                name="endpoint_state_is_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="endpoint",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("old_secret_sealed", ""), ("old_secret_until__isnull", False), _connector="OR"
                ),
                name="endpoint_old_secret_ends",
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("state__in", ("waiting", "sending", "failed"))),
                fields=["next_attempt_at"],
                name="delivery_to_send",
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(fields=["endpoint", "-id"], name="delivery_log"),
        ),
        migrations.AddConstraint(
            model_name="delivery",
            constraint=models.UniqueConstraint(
                fields=("endpoint", "key"), name="delivery_once_per_key"
            ),
        ),
        migrations.AddConstraint(
            model_name="delivery",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("state__in", ["waiting", "sending", "sent", "failed", "given_up"])
                ),
                name="delivery_state_is_known",
            ),
        ),
        migrations.AddIndex(
            model_name="mail",
            index=models.Index(
                condition=models.Q(("state__in", ("waiting", "sending", "failed"))),
                fields=["next_attempt_at"],
                name="mail_to_send",
            ),
        ),
        migrations.AddIndex(
            model_name="mail",
            index=models.Index(fields=["organisation", "-id"], name="mail_log"),
        ),
        migrations.AddConstraint(
            model_name="mail",
            constraint=models.UniqueConstraint(
                fields=("organisation", "key", "recipient"), name="mail_once_per_key"
            ),
        ),
        migrations.AddConstraint(
            model_name="mail",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("state__in", ["waiting", "sending", "sent", "failed", "given_up"])
                ),
                name="mail_state_is_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="mail",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "sent"), _negated=True),
                    ("sent_at__isnull", False),
                    _connector="OR",
                ),
                name="mail_sent_has_a_moment",
            ),
        ),
        migrations.AddConstraint(
            model_name="preference",
            constraint=models.UniqueConstraint(
                fields=("member", "topic"), name="preference_once_per_topic"
            ),
        ),
        migrations.RunSQL(LOCKS, migrations.RunSQL.noop),
    ]
