"""Queues, clocks and links of tickets, and the mails that come in; locked per tenant."""

import functools

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import erp.base.identifiers

LOCKS = """
SELECT tenantry_protect(name::regclass) FROM unnest(ARRAY[
    'erp_calendar', 'erp_queue', 'erp_target', 'erp_cannedanswer', 'erp_tickettemplate',
    'erp_messagefile', 'erp_ticketlink', 'erp_satisfaction', 'erp_incomingmail']) AS name;
SELECT tenantry_show_to_customers('erp_tickettemplate', 'organisation_id');
SELECT tenantry_append_only('erp_messagefile');
"""


class Migration(migrations.Migration):
    dependencies = [
        ("erp", "0013_mails_about_maintenance"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Satisfaction",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("score", models.PositiveSmallIntegerField()),
                ("words", models.CharField(blank=True, max_length=1000)),
                ("by", models.CharField(max_length=150)),
                ("at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="Target",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "priority",
                    models.PositiveSmallIntegerField(
                        choices=[(1, "Urgent"), (2, "High"), (3, "Normal"), (4, "Low")]
                    ),
                ),
                ("answer_minutes", models.PositiveIntegerField(blank=True, null=True)),
                ("resolve_minutes", models.PositiveIntegerField(blank=True, null=True)),
            ],
            options={
                "ordering": ["queue", "priority"],
            },
        ),
        migrations.CreateModel(
            name="TicketLink",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("kind", models.CharField(max_length=20)),
                ("reference", models.CharField(max_length=40)),
                ("title", models.CharField(max_length=200)),
                ("path", models.CharField(max_length=200)),
                ("is_internal", models.BooleanField(default=False)),
            ],
            options={
                "ordering": ["pk"],
            },
        ),
        migrations.CreateModel(
            name="TicketTemplate",
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
                        default=functools.partial(erp.base.identifiers.reference, *("P",)),
                        max_length=12,
                        unique=True,
                    ),
                ),
                ("name", models.CharField(max_length=100)),
                ("subject", models.CharField(blank=True, max_length=200)),
                ("body", models.TextField(blank=True)),
                (
                    "priority",
                    models.PositiveSmallIntegerField(
                        choices=[(1, "Urgent"), (2, "High"), (3, "Normal"), (4, "Low")], default=3
                    ),
                ),
            ],
            options={
                "ordering": ["name", "pk"],
            },
        ),
        migrations.AddField(
            model_name="message",
            name="kind",
            field=models.CharField(
                choices=[("words", "Words"), ("act", "Act")], default="words", max_length=8
            ),
        ),
        migrations.AddField(
            model_name="ticket",
            name="answer_due_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="ticket",
            name="answered_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="ticket",
            name="assignee",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="ticket",
            name="channel",
            field=models.CharField(
                choices=[("portal", "Portal"), ("mail", "Mail"), ("system", "System")],
                default="portal",
                max_length=8,
            ),
        ),
        migrations.AddField(
            model_name="ticket",
            name="due_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="ticket",
            name="escalated_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="ticket",
            name="merged_into",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="merged",
                to="erp.ticket",
            ),
        ),
        migrations.AddField(
            model_name="ticket",
            name="paused_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="ticket",
            name="paused_seconds",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="ticket",
            name="priority",
            field=models.PositiveSmallIntegerField(
                choices=[(1, "Urgent"), (2, "High"), (3, "Normal"), (4, "Low")], default=3
            ),
        ),
        migrations.AddField(
            model_name="ticket",
            name="resolve_due_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.CreateModel(
            name="Calendar",
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
                        default=functools.partial(erp.base.identifiers.reference, *("D",)),
                        max_length=12,
                        unique=True,
                    ),
                ),
                ("name", models.CharField(max_length=100)),
                ("time_zone", models.CharField(max_length=40)),
                ("week", models.JSONField()),
                ("holidays", models.JSONField(blank=True, default=list)),
                (
                    "organisation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="calendars",
                        to="erp.organisation",
                    ),
                ),
            ],
            options={
                "ordering": ["name", "pk"],
            },
        ),
        migrations.CreateModel(
            name="CannedAnswer",
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
                        default=functools.partial(erp.base.identifiers.reference, *("A",)),
                        max_length=12,
                        unique=True,
                    ),
                ),
                ("name", models.CharField(max_length=100)),
                ("body", models.TextField()),
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
            name="IncomingMail",
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
                        default=functools.partial(erp.base.identifiers.reference, *("E",)),
                        max_length=12,
                        unique=True,
                    ),
                ),
                ("message_id", models.CharField(max_length=250)),
                ("sender", models.CharField(blank=True, max_length=254)),
                ("subject", models.CharField(blank=True, max_length=250)),
                ("received_at", models.DateTimeField()),
                ("raw", models.BinaryField(null=True)),
                (
                    "organisation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, to="erp.organisation"
                    ),
                ),
                (
                    "ticket",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="mails",
                        to="erp.ticket",
                    ),
                ),
            ],
            options={
                "verbose_name": "incoming mail",
                "ordering": ["-pk"],
            },
        ),
        migrations.CreateModel(
            name="MessageFile",
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
                        default=functools.partial(erp.base.identifiers.reference, *("F",)),
                        max_length=12,
                        unique=True,
                    ),
                ),
                ("name", models.CharField(max_length=150)),
                ("content_type", models.CharField(max_length=100)),
                ("size", models.PositiveIntegerField()),
                ("content", models.BinaryField()),
                (
                    "message",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="files",
                        to="erp.message",
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
            name="Queue",
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
                        default=functools.partial(erp.base.identifiers.reference, *("Q",)),
                        max_length=12,
                        unique=True,
                    ),
                ),
                ("name", models.CharField(max_length=100)),
                ("is_default", models.BooleanField(default=False)),
                (
                    "calendar",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="erp.calendar",
                    ),
                ),
                (
                    "escalates_to",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="erp.queue",
                    ),
                ),
                (
                    "organisation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="queues",
                        to="erp.organisation",
                    ),
                ),
            ],
            options={
                "ordering": ["name", "pk"],
            },
        ),
        migrations.AddField(
            model_name="ticket",
            name="queue",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="tickets",
                to="erp.queue",
            ),
        ),
        migrations.AddIndex(
            model_name="ticket",
            index=models.Index(
                condition=models.Q(("due_at__isnull", False), ("escalated_at", None)),
                fields=["due_at"],
                name="ticket_to_escalate",
            ),
        ),
        migrations.AddIndex(
            model_name="ticket",
            index=models.Index(
                condition=models.Q(("state", "closed"), _negated=True),
                fields=["organisation", "priority"],
                name="ticket_at_the_desk",
            ),
        ),
        migrations.AddConstraint(
            model_name="ticket",
            constraint=models.CheckConstraint(
                condition=models.Q(("due_at", None), ("state", "open"), _connector="OR"),
                name="ticket_clock_runs_while_it_is_open",
            ),
        ),
        migrations.AddConstraint(
            model_name="ticket",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("merged_into", None),
                    models.Q(
                        ("state", "closed"),
                        models.Q(("merged_into", models.F("id")), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="ticket_merged_is_closed",
            ),
        ),
        migrations.AddField(
            model_name="satisfaction",
            name="organisation",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, to="erp.organisation"
            ),
        ),
        migrations.AddField(
            model_name="satisfaction",
            name="ticket",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="satisfaction",
                to="erp.ticket",
            ),
        ),
        migrations.AddField(
            model_name="target",
            name="organisation",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, to="erp.organisation"
            ),
        ),
        migrations.AddField(
            model_name="target",
            name="queue",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="targets", to="erp.queue"
            ),
        ),
        migrations.AddField(
            model_name="ticketlink",
            name="organisation",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, to="erp.organisation"
            ),
        ),
        migrations.AddField(
            model_name="ticketlink",
            name="ticket",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="links", to="erp.ticket"
            ),
        ),
        migrations.AddField(
            model_name="tickettemplate",
            name="organisation",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, to="erp.organisation"
            ),
        ),
        migrations.AddField(
            model_name="tickettemplate",
            name="queue",
            field=models.ForeignKey(
                blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, to="erp.queue"
            ),
        ),
        migrations.AddConstraint(
            model_name="calendar",
            constraint=models.UniqueConstraint(
                fields=("organisation", "name"), name="calendar_name_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="cannedanswer",
            constraint=models.UniqueConstraint(
                fields=("organisation", "name"), name="cannedanswer_name_once"
            ),
        ),
        migrations.AddIndex(
            model_name="incomingmail",
            index=models.Index(
                condition=models.Q(("state__in", ["waiting", "aside"])),
                fields=["organisation", "-id"],
                name="incomingmail_undone",
            ),
        ),
        migrations.AddIndex(
            model_name="incomingmail",
            index=models.Index(fields=["sender", "received_at"], name="incomingmail_rate"),
        ),
        migrations.AddConstraint(
            model_name="incomingmail",
            constraint=models.UniqueConstraint(
                fields=("organisation", "message_id"), name="incomingmail_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="incomingmail",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["waiting", "taken", "aside", "ignored"])),
                name="incomingmail_state_is_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="incomingmail",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "taken"), _negated=True),
                    ("ticket__isnull", False),
                    _connector="OR",
                ),
                name="incomingmail_taken_has_a_ticket",
            ),
        ),
        migrations.AddConstraint(
            model_name="incomingmail",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("state__in", ["taken", "ignored"]), ("raw__isnull", False), _connector="OR"
                ),
                name="incomingmail_undone_is_kept",
            ),
        ),
        migrations.AddConstraint(
            model_name="queue",
            constraint=models.UniqueConstraint(
                fields=("organisation", "name"), name="queue_name_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="queue",
            constraint=models.UniqueConstraint(
                condition=models.Q(("is_default", True)),
                fields=("organisation",),
                name="queue_one_default",
            ),
        ),
        migrations.AddConstraint(
            model_name="queue",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("escalates_to", None),
                    models.Q(("escalates_to", models.F("id")), _negated=True),
                    _connector="OR",
                ),
                name="queue_escalates_to_another",
            ),
        ),
        migrations.AddConstraint(
            model_name="satisfaction",
            constraint=models.CheckConstraint(
                condition=models.Q(("score__gte", 1), ("score__lte", 5)),
                name="satisfaction_is_one_to_five",
            ),
        ),
        migrations.AddConstraint(
            model_name="target",
            constraint=models.UniqueConstraint(
                fields=("queue", "priority"), name="target_once_per_priority"
            ),
        ),
        migrations.AddConstraint(
            model_name="target",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("answer_minutes", None),
                    ("resolve_minutes", None),
                    ("answer_minutes__lte", models.F("resolve_minutes")),
                    _connector="OR",
                ),
                name="target_answer_before_resolution",
            ),
        ),
        migrations.AddConstraint(
            model_name="ticketlink",
            constraint=models.UniqueConstraint(
                fields=("ticket", "kind", "reference"), name="ticketlink_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="tickettemplate",
            constraint=models.UniqueConstraint(
                fields=("organisation", "name"), name="tickettemplate_name_once"
            ),
        ),
        migrations.RunSQL(LOCKS, migrations.RunSQL.noop),
    ]
