"""Where instances are saved, what was saved, and what is moved, restored or tried."""

import functools

import django.db.models.deletion
from django.db import migrations, models

import erp.base.identifiers

SQL = """
SELECT tenantry_protect(name::regclass) FROM unnest(ARRAY[
    'orchestration_backuprepository', 'orchestration_protection', 'orchestration_snapshot',
    'orchestration_takeover', 'orchestration_relocation', 'orchestration_drill',
    'orchestration_witness']) AS name;

-- A partition that is held for something is not free, though no instance has it.
CREATE OR REPLACE FUNCTION tenantry_count_room(wanted bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
    PERFORM 1 FROM orchestration_noderoom WHERE node_id = wanted FOR UPDATE;
    UPDATE orchestration_noderoom SET (free_partitions, reserved_memory_bytes, reserved_disk_bytes)
        = (SELECT count(p.id) FILTER (WHERE i.id IS NULL AND p.held_for = ''),
                  coalesce(sum(tenantry_limit(i.limits, 'memory_bytes')), 0)::bigint,
                  coalesce(sum(tenantry_limit(i.limits, 'disk_bytes')), 0)::bigint
           FROM orchestration_computepartition p
           LEFT JOIN orchestration_instance i ON i.partition_id = p.id
           WHERE p.node_id = wanted)
        WHERE node_id = wanted;
END $$;

CREATE FUNCTION tenantry_room_of_held() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
    PERFORM tenantry_count_room(NEW.node_id);
    RETURN NULL;
END $$;

CREATE TRIGGER room_is_held AFTER UPDATE OF held_for ON orchestration_computepartition
    FOR EACH ROW WHEN (NEW.held_for IS DISTINCT FROM OLD.held_for)
    EXECUTE FUNCTION tenantry_room_of_held();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("erp", "0018_plans_promise_backups"),
        ("orchestration", "0013_checks_and_work"),
    ]

    operations = [
        migrations.AddField(
            model_name="computenode",
            name="document_extras",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="computenode",
            name="keeps_backups",
            field=models.BooleanField(default=True),
        ),
        migrations.AddField(
            model_name="computepartition",
            name="held_for",
            field=models.CharField(blank=True, max_length=12),
        ),
        migrations.CreateModel(
            name="BackupRepository",
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
                        default=functools.partial(erp.base.identifiers.reference, *("B",)),
                        max_length=12,
                        unique=True,
                    ),
                ),
                ("public_key", models.TextField()),
                ("private_key_sealed", models.TextField()),
                ("password_sealed", models.TextField()),
                ("stored_bytes", models.BigIntegerField(default=0)),
                ("problem", models.CharField(blank=True, max_length=300)),
                ("tend_asked", models.PositiveIntegerField(default=0)),
                ("tended", models.PositiveIntegerField(default=0)),
                ("check_part", models.CharField(blank=True, max_length=9)),
                ("asked_at", models.DateTimeField(null=True)),
                ("tended_at", models.DateTimeField(null=True)),
                ("tend_failure", models.TextField(blank=True)),
                ("checked_at", models.DateTimeField(null=True)),
                ("created_at", models.DateTimeField()),
                (
                    "line",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="repositories",
                        to="erp.contractline",
                    ),
                ),
                (
                    "organisation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, to="erp.organisation"
                    ),
                ),
                (
                    "store",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="stored",
                        to="orchestration.computenode",
                    ),
                ),
            ],
            options={
                "ordering": ["-pk"],
            },
        ),
        migrations.CreateModel(
            name="Protection",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("asked", models.PositiveIntegerField(default=0)),
                ("answered", models.PositiveIntegerField(default=0)),
                ("newest_at", models.DateTimeField(null=True)),
                ("tried_at", models.DateTimeField(null=True)),
                ("failure", models.TextField(blank=True)),
                ("since", models.DateTimeField()),
                (
                    "instance",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="protection",
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
                    "repository",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="protections",
                        to="orchestration.backuprepository",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Snapshot",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=64)),
                ("number", models.PositiveIntegerField(default=0)),
                ("taken_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField()),
                ("total_bytes", models.BigIntegerField(default=0)),
                ("added_bytes", models.BigIntegerField(default=0)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("good", "Good"),
                            ("forgotten", "Forgotten"),
                            ("missing", "Missing"),
                        ],
                        default="good",
                        max_length=10,
                    ),
                ),
                ("seen_at", models.DateTimeField(null=True)),
                (
                    "instance",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="snapshots",
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
                    "repository",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="snapshots",
                        to="orchestration.backuprepository",
                    ),
                ),
            ],
            options={
                "ordering": ["-taken_at", "-pk"],
            },
        ),
        migrations.CreateModel(
            name="Drill",
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
                        default=functools.partial(erp.base.identifiers.reference, *("D",)),
                        max_length=12,
                        unique=True,
                    ),
                ),
                ("is_copy", models.BooleanField(default=False)),
                ("restored_seconds", models.PositiveIntegerField(null=True)),
                ("started_at", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
                ("rpo_seconds", models.PositiveIntegerField(null=True)),
                ("rto_seconds", models.PositiveIntegerField(null=True)),
                ("promises", models.JSONField(default=list)),
                ("log", models.TextField(blank=True)),
                ("connection_sealed", models.TextField(blank=True)),
                ("until", models.DateTimeField()),
                ("by", models.CharField(max_length=150)),
                ("created_at", models.DateTimeField()),
                (
                    "instance",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="drills",
                        to="orchestration.instance",
                    ),
                ),
                (
                    "node",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="orchestration.computenode",
                    ),
                ),
                (
                    "organisation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, to="erp.organisation"
                    ),
                ),
                (
                    "partition",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="orchestration.computepartition",
                    ),
                ),
                (
                    "snapshot",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="drills",
                        to="orchestration.snapshot",
                    ),
                ),
            ],
            options={
                "ordering": ["-pk"],
            },
        ),
        migrations.CreateModel(
            name="Takeover",
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
                        default=functools.partial(erp.base.identifiers.reference, *("T",)),
                        max_length=12,
                        unique=True,
                    ),
                ),
                ("lost_at", models.DateTimeField()),
                ("by", models.CharField(max_length=150)),
                ("created_at", models.DateTimeField()),
                (
                    "node",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="takeovers",
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
                "ordering": ["-pk"],
            },
        ),
        migrations.CreateModel(
            name="Relocation",
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
                        default=functools.partial(erp.base.identifiers.reference, *("M",)),
                        max_length=12,
                        unique=True,
                    ),
                ),
                (
                    "why",
                    models.CharField(
                        choices=[
                            ("takeover", "Takeover"),
                            ("move", "Move"),
                            ("restore", "Restore"),
                        ],
                        max_length=10,
                    ),
                ),
                ("priority", models.PositiveSmallIntegerField(default=50)),
                ("asked_number", models.PositiveIntegerField(default=0)),
                ("generation", models.PositiveIntegerField(default=0)),
                ("is_prepared", models.BooleanField(default=False)),
                ("away_at", models.DateTimeField(null=True)),
                ("back_at", models.DateTimeField(null=True)),
                ("lost_seconds", models.PositiveIntegerField(null=True)),
                ("by", models.CharField(max_length=150)),
                ("created_at", models.DateTimeField()),
                (
                    "instance",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="relocations",
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
                    "source",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="orchestration.computepartition",
                    ),
                ),
                (
                    "source_node",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="orchestration.computenode",
                    ),
                ),
                (
                    "target",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="orchestration.computepartition",
                    ),
                ),
                (
                    "wished_node",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="orchestration.computenode",
                    ),
                ),
                (
                    "snapshot",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="orchestration.snapshot",
                    ),
                ),
                (
                    "takeover",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="relocations",
                        to="orchestration.takeover",
                    ),
                ),
            ],
            options={
                "ordering": ["-pk"],
            },
        ),
        migrations.CreateModel(
            name="Witness",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("asked_at", models.DateTimeField()),
                ("answers", models.BooleanField(null=True)),
                ("looked_at", models.DateTimeField(null=True)),
                (
                    "node",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="witnesses",
                        to="orchestration.computenode",
                    ),
                ),
                (
                    "organisation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, to="erp.organisation"
                    ),
                ),
                (
                    "witness",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="witnessing",
                        to="orchestration.computenode",
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name="backuprepository",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "ready")),
                fields=("line",),
                name="repository_one_per_line",
            ),
        ),
        migrations.AddIndex(
            model_name="snapshot",
            index=models.Index(fields=["instance", "-taken_at"], name="snapshot_newest"),
        ),
        migrations.AddConstraint(
            model_name="snapshot",
            constraint=models.UniqueConstraint(fields=("repository", "name"), name="snapshot_once"),
        ),
        migrations.AddConstraint(
            model_name="snapshot",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["good", "forgotten", "missing"])),
                name="snapshot_state_is_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="drill",
            constraint=models.UniqueConstraint(
                condition=models.Q(
                    ("is_copy", False), ("state__in", ("waiting", "restoring", "running"))
                ),
                fields=("instance",),
                name="drill_one_at_a_time",
            ),
        ),
        migrations.AddConstraint(
            model_name="drill",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("state__in", ["waiting", "restoring", "running", "passed", "failed", "ended"])
                ),
                name="drill_state_is_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="takeover",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "open")),
                fields=("node",),
                name="takeover_one_per_node",
            ),
        ),
        migrations.AddConstraint(
            model_name="relocation",
            constraint=models.UniqueConstraint(
                condition=models.Q(
                    ("state__in", ("waiting", "copying", "preparing", "stopping", "starting"))
                ),
                fields=("instance",),
                name="relocation_one_at_a_time",
            ),
        ),
        migrations.AddConstraint(
            model_name="relocation",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "state__in",
                        [
                            "waiting",
                            "copying",
                            "preparing",
                            "stopping",
                            "starting",
                            "done",
                            "failed",
                            "cancelled",
                        ],
                    )
                ),
                name="relocation_state_is_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="witness",
            constraint=models.UniqueConstraint(fields=("node", "witness"), name="witness_once"),
        ),
        migrations.RunSQL(SQL, migrations.RunSQL.noop),
    ]
