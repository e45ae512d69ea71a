"""Say of nodes where they are and what they can; count what is free on each."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

COUNT = """
-- A limit of an instance in bytes, whatever was written there.
CREATE FUNCTION tenantry_limit(limits jsonb, name text) RETURNS numeric
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN jsonb_typeof(limits->name) = 'number'
        THEN least(greatest((limits->>name)::numeric, 0), 1e15) ELSE 0 END
$$;

-- Count one node from its rows. The lock comes first: the count is a statement of its own, so it
-- sees what those who held the lock before have written.
CREATE FUNCTION tenantry_count_room(wanted bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
    PERFORM 1 FROM orchestration_noderoom WHERE node_id = wanted FOR UPDATE;
    UPDATE orchestration_noderoom SET (free_partitions, reserved_memory_bytes, reserved_disk_bytes)
        = (SELECT count(p.id) FILTER (WHERE i.id IS NULL),
                  coalesce(sum(tenantry_limit(i.limits, 'memory_bytes')), 0)::bigint,
                  coalesce(sum(tenantry_limit(i.limits, 'disk_bytes')), 0)::bigint
           FROM orchestration_computepartition p
           LEFT JOIN orchestration_instance i ON i.partition_id = p.id
           WHERE p.node_id = wanted)
        WHERE node_id = wanted;
END $$;

CREATE FUNCTION tenantry_room_of_partitions() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
    INSERT INTO orchestration_noderoom (organisation_id, node_id, free_partitions,
            reserved_memory_bytes, reserved_disk_bytes)
        SELECT DISTINCT n.organisation_id, n.id, 0, 0, 0
        FROM changed JOIN orchestration_computenode n ON n.id = changed.node_id ORDER BY n.id
        ON CONFLICT DO NOTHING;
    PERFORM tenantry_count_room(node_id)
        FROM (SELECT DISTINCT node_id FROM changed ORDER BY node_id) AS nodes;
    RETURN NULL;
END $$;

CREATE FUNCTION tenantry_room_without_partitions() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
    PERFORM tenantry_count_room(node_id)
        FROM (SELECT DISTINCT node_id FROM changed ORDER BY node_id) AS nodes;
    RETURN NULL;
END $$;

CREATE FUNCTION tenantry_room_of_instances() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
DECLARE partitions bigint[];
BEGIN
    IF TG_OP <> 'DELETE' THEN partitions := partitions || NEW.partition_id; END IF;
    IF TG_OP <> 'INSERT' THEN partitions := partitions || OLD.partition_id; END IF;
    PERFORM tenantry_count_room(node_id)
        FROM (SELECT DISTINCT node_id FROM orchestration_computepartition
              WHERE id = ANY(partitions) ORDER BY node_id) AS nodes;
    RETURN NULL;
END $$;

CREATE TRIGGER room_is_counted AFTER INSERT ON orchestration_computepartition
    REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION tenantry_room_of_partitions();
CREATE TRIGGER room_is_counted_again AFTER DELETE ON orchestration_computepartition
    REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION tenantry_room_without_partitions();
CREATE TRIGGER room_is_taken AFTER INSERT ON orchestration_instance
    FOR EACH ROW WHEN (NEW.partition_id IS NOT NULL)
    EXECUTE FUNCTION tenantry_room_of_instances();
CREATE TRIGGER room_is_given_back AFTER DELETE ON orchestration_instance
    FOR EACH ROW WHEN (OLD.partition_id IS NOT NULL)
    EXECUTE FUNCTION tenantry_room_of_instances();
-- A pass touches these rows all the time; only a place or a limit changes the room.
CREATE TRIGGER room_changes AFTER UPDATE OF partition_id, limits ON orchestration_instance
    FOR EACH ROW WHEN (NEW.partition_id IS DISTINCT FROM OLD.partition_id
        OR (NEW.partition_id IS NOT NULL AND NEW.limits IS DISTINCT FROM OLD.limits))
    EXECUTE FUNCTION tenantry_room_of_instances();

INSERT INTO orchestration_noderoom (organisation_id, node_id, free_partitions,
        reserved_memory_bytes, reserved_disk_bytes)
    SELECT DISTINCT n.organisation_id, n.id, 0, 0, 0 FROM orchestration_computepartition p
    JOIN orchestration_computenode n ON n.id = p.node_id;
SELECT tenantry_count_room(node_id) FROM orchestration_noderoom;
SELECT tenantry_protect('orchestration_noderoom');
"""


class Migration(migrations.Migration):
    dependencies = [
        ("erp", "0007_wishes_of_the_place"),
        ("orchestration", "0006_agent_refused"),
    ]

    operations = [
        migrations.CreateModel(
            name="NodeRoom",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("free_partitions", models.PositiveIntegerField(default=0)),
                ("reserved_memory_bytes", models.BigIntegerField(default=0)),
                ("reserved_disk_bytes", models.BigIntegerField(default=0)),
            ],
        ),
        migrations.AddField(
            model_name="computenode",
            name="clock_offset_ms",
            field=models.BigIntegerField(null=True),
        ),
        migrations.AddField(
            model_name="computenode",
            name="closed_for",
            field=models.CharField(
                blank=True,
                choices=[
                    ("hand", "Hand"),
                    ("maintenance", "Maintenance"),
                    ("capacity", "Capacity"),
                    ("promises", "Promises"),
                ],
                max_length=12,
            ),
        ),
        migrations.AddField(
            model_name="computenode",
            name="country",
            field=models.CharField(blank=True, max_length=2),
        ),
        migrations.AddField(
            model_name="computenode",
            name="dedicated_to",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="erp.organisation",
            ),
        ),
        migrations.AddField(
            model_name="computenode",
            name="failing",
            field=models.JSONField(default=dict),
        ),
        migrations.AddField(
            model_name="computenode",
            name="labels",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=40), blank=True, default=list, size=None
            ),
        ),
        migrations.AddField(
            model_name="computenode",
            name="network",
            field=models.CharField(blank=True, max_length=40),
        ),
        migrations.AddField(
            model_name="instance",
            name="reasoned_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddIndex(
            model_name="computenode",
            index=models.Index(fields=["region", "state"], name="node_of_region"),
        ),
        migrations.AddConstraint(
            model_name="computenode",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("closed_for", ""),
                    models.Q(
                        ("closed_for__in", ["hand", "maintenance", "capacity", "promises"]),
                        ("state", "closed"),
                    ),
                    _connector="OR",
                ),
                name="node_closed_for_when_closed",
            ),
        ),
        migrations.AddField(
            model_name="noderoom",
            name="node",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="room",
                to="orchestration.computenode",
            ),
        ),
        migrations.AddField(
            model_name="noderoom",
            name="organisation",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, to="erp.organisation"
            ),
        ),
        migrations.AddIndex(
            model_name="noderoom",
            index=models.Index(fields=["-free_partitions", "node"], name="noderoom_emptiest"),
        ),
        migrations.RunSQL(COUNT, migrations.RunSQL.noop),
    ]
