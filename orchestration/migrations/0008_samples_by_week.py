"""Keep samples by the week in which they end, how far each spool is stored, and sums by hour, day.

The rows of the table before are copied; what ended more than a year before the newest goes into the
partition of older ones.
"""

import django.contrib.postgres.indexes
import django.db.models.deletion
from django.db import migrations, models

ORGANISATION = models.ForeignKey(
    db_constraint=False,
    db_index=False,
    on_delete=django.db.models.deletion.PROTECT,
    to="erp.organisation",
)

SUMS = [
    migrations.CreateModel(
        name="Spool",
        fields=[
            (
                "pk",
                models.CompositePrimaryKey(
                    "node", "epoch", blank=True, editable=False, primary_key=True, serialize=False
                ),
            ),
            ("node", models.BigIntegerField()),
            ("epoch", models.CharField(max_length=64)),
            ("position", models.BigIntegerField()),
            ("organisation", ORGANISATION),
        ],
    ),
    migrations.CreateModel(
        name="UsageSum",
        fields=[
            (
                "pk",
                models.CompositePrimaryKey(
                    "line",
                    "hours",
                    "starts_at",
                    "meter",
                    "unit",
                    blank=True,
                    editable=False,
                    primary_key=True,
                    serialize=False,
                ),
            ),
            ("line", models.BigIntegerField()),
            ("hours", models.SmallIntegerField(choices=[(1, "Hour"), (24, "Day")])),
            ("starts_at", models.DateTimeField()),
            ("meter", models.CharField(max_length=40)),
            ("unit", models.CharField(max_length=20)),
            ("quantity", models.DecimalField(decimal_places=9, max_digits=36)),
            ("samples", models.BigIntegerField()),
            ("accuracy", models.CharField(blank=True, max_length=40)),
            ("first_at", models.DateTimeField()),
            ("last_at", models.DateTimeField()),
            ("stored_at", models.DateTimeField()),
            ("organisation", ORGANISATION),
        ],
        options={
            "constraints": [
                models.CheckConstraint(
                    condition=models.Q(("hours__in", [1, 24])), name="usagesum_of_an_hour_or_a_day"
                )
            ],
            "indexes": [
                models.Index(
                    condition=models.Q(("hours", 24)), fields=["starts_at"], name="usagesum_of_day"
                )
            ],
        },
    ),
]

BY_WEEK = [
    migrations.DeleteModel("Sample"),
    migrations.CreateModel(
        name="Sample",
        fields=[
            (
                "pk",
                models.CompositePrimaryKey(
                    "node",
                    "epoch",
                    "sequence",
                    "ends_at",
                    blank=True,
                    editable=False,
                    primary_key=True,
                    serialize=False,
                ),
            ),
            ("node", models.BigIntegerField()),
            ("epoch", models.CharField(max_length=64)),
            ("sequence", models.BigIntegerField()),
            ("instance", models.BigIntegerField()),
            ("line", models.BigIntegerField()),
            ("meter", models.CharField(max_length=40)),
            ("unit", models.CharField(max_length=20)),
            ("quantity", models.DecimalField(decimal_places=9, max_digits=24)),
            ("accuracy", models.CharField(blank=True, max_length=40)),
            ("starts_at", models.DateTimeField()),
            ("ends_at", models.DateTimeField()),
            ("stored_at", models.DateTimeField()),
            ("organisation", ORGANISATION),
        ],
        options={
            "constraints": [
                models.CheckConstraint(
                    condition=models.Q(
                        ("quantity__gte", 0), ("ends_at__gt", models.F("starts_at"))
                    ),
                    name="sample_is_possible",
                )
            ],
            "indexes": [
                models.Index(fields=["line", "meter", "ends_at"], name="sample_of_line"),
                django.contrib.postgres.indexes.BrinIndex(
                    autosummarize=True, fields=["stored_at"], name="sample_stored"
                ),
            ],
        },
    ),
]

TABLE = """
ALTER TABLE orchestration_sample RENAME TO orchestration_sample_before;
ALTER INDEX sample_of_line RENAME TO sample_of_line_before;

CREATE TABLE orchestration_sample (
    organisation_id bigint NOT NULL,
    node bigint NOT NULL,
    sequence bigint NOT NULL,
    instance bigint NOT NULL,
    line bigint NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    stored_at timestamptz NOT NULL,
    quantity numeric(24, 9) NOT NULL,
    epoch varchar(64) NOT NULL,
    meter varchar(40) NOT NULL,
    unit varchar(20) NOT NULL,
    accuracy varchar(40) NOT NULL,
    PRIMARY KEY (node, epoch, sequence, ends_at),
    CONSTRAINT sample_is_possible CHECK (quantity >= 0 AND ends_at > starts_at)
) PARTITION BY RANGE (ends_at);
CREATE INDEX sample_of_line ON orchestration_sample (line, meter, ends_at);
CREATE INDEX sample_stored ON orchestration_sample
    USING brin (stored_at) WITH (autosummarize = true);
CREATE TABLE orchestration_sample_older PARTITION OF orchestration_sample DEFAULT;
SELECT tenantry_protect('orchestration_sample');
SELECT tenantry_protect('orchestration_sample_older');
SELECT tenantry_protect('orchestration_spool');
SELECT tenantry_protect('orchestration_usagesum');
SELECT tenantry_append_only('orchestration_sample');
"""

FUNCTIONS = """
-- The Monday, in UTC, of the week.
CREATE FUNCTION tenantry_sample_week(moment timestamptz) RETURNS timestamptz
LANGUAGE sql IMMUTABLE AS $$
    SELECT date_bin('7 days', moment, '2001-01-01 00:00:00+00')
$$;

-- The start of the hour or day that a moment ends in: (start, start + width].
CREATE FUNCTION tenantry_usage_slot(width interval, moment timestamptz) RETURNS timestamptz
LANGUAGE sql IMMUTABLE AS $$
    SELECT date_bin(width, moment - interval '1 microsecond', '2001-01-01 00:00:00+00')
$$;

-- The oldest week of which all samples are kept; what ended before is with the older ones.
CREATE FUNCTION tenantry_samples_since() RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT min(to_timestamp(right(c.relname, 8) || 'Z', 'YYYYMMDDTZ'))
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'orchestration_sample'::regclass AND c.relname ~ '_[0-9]{8}$'
$$;

-- Make the partitions of the weeks between two moments that are missing; never one before the
-- oldest: its samples are with the older ones. Return how many were made.
CREATE FUNCTION tenantry_make_sample_weeks(first timestamptz, last timestamptz)
RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
DECLARE
    week timestamptz := greatest(tenantry_sample_week(first), tenantry_samples_since());
    made integer := 0;
    name text;
BEGIN
    IF last > week + interval '200 weeks' THEN
        RAISE EXCEPTION 'no partitions are made for more than 200 weeks at once';
    END IF;
    WHILE week <= last LOOP
        name := 'orchestration_sample_' || to_char(week AT TIME ZONE 'UTC', 'YYYYMMDD');
        IF to_regclass(name) IS NULL THEN
            -- Makers take turns; the second finds it made, by a query: what to_regclass remembers
            -- may be from before the lock. Attaching waits for no reader or writer.
            PERFORM pg_advisory_xact_lock(7003, 0);
            IF NOT EXISTS (SELECT FROM pg_class c JOIN pg_inherits i ON i.inhrelid = c.oid
                WHERE i.inhparent = 'orchestration_sample'::regclass AND c.relname = name)
            THEN
                EXECUTE format('CREATE TABLE %I (LIKE orchestration_sample INCLUDING ALL)', name);
                PERFORM tenantry_protect(name::regclass);
                EXECUTE format('ALTER TABLE orchestration_sample ATTACH PARTITION %I'
                    ' FOR VALUES FROM (%L) TO (%L)', name, week, week + interval '7 days');
                made := made + 1;
            END IF;
        END IF;
        week := week + interval '7 days';
    END LOOP;
    RETURN made;
END $$;

-- Drop the oldest week; anything else is refused, and so is the only one.
CREATE FUNCTION tenantry_drop_sample_week(week timestamptz) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public SET lock_timeout = '2s' AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(7003, 0);
    IF week IS DISTINCT FROM tenantry_samples_since() OR week >= tenantry_sample_week(now()) THEN
        RAISE EXCEPTION 'the week of % is not the oldest, or not over', week;
    END IF;
    EXECUTE format('DROP TABLE %I',
        'orchestration_sample_' || to_char(week AT TIME ZONE 'UTC', 'YYYYMMDD'));
END $$;

-- Forget the samples that ended before the oldest week.
CREATE FUNCTION tenantry_drop_older_samples() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public SET lock_timeout = '2s' AS $$
BEGIN
    TRUNCATE orchestration_sample_older;
END $$;
"""

# The first week is made by hand: the function makes none before the oldest.
COPY = """
DO $$
DECLARE
    newest timestamptz := coalesce((SELECT max(ends_at) FROM orchestration_sample_before), now());
    oldest timestamptz := (SELECT min(ends_at) FROM orchestration_sample_before
                           WHERE ends_at > newest - interval '1 year');
    week timestamptz := tenantry_sample_week(coalesce(oldest, newest));
    name text := 'orchestration_sample_' || to_char(week AT TIME ZONE 'UTC', 'YYYYMMDD');
BEGIN
    EXECUTE format('CREATE TABLE %I PARTITION OF orchestration_sample FOR VALUES FROM (%L) TO (%L)',
        name, week, week + interval '7 days');
    PERFORM tenantry_protect(name::regclass);
    PERFORM tenantry_make_sample_weeks(week, greatest(newest, now()) + interval '28 days');
END $$;

INSERT INTO orchestration_sample (organisation_id, node, epoch, sequence, instance, line, meter,
    unit, quantity, accuracy, starts_at, ends_at, stored_at)
SELECT organisation_id, node, epoch, sequence, instance, line, meter, unit, quantity, accuracy,
    starts_at, ends_at, stored_at
FROM orchestration_sample_before;

INSERT INTO orchestration_spool (organisation_id, node, epoch, position)
SELECT n.organisation_id, s.node, s.epoch, max(s.sequence)
FROM orchestration_sample_before s JOIN orchestration_computenode n ON n.id = s.node
GROUP BY n.organisation_id, s.node, s.epoch;

INSERT INTO orchestration_usagesum (organisation_id, line, hours, starts_at, meter, unit, quantity,
    samples, accuracy, first_at, last_at, stored_at)
SELECT max(organisation_id), line, width.hours,
    tenantry_usage_slot(make_interval(hours => width.hours), ends_at), meter, unit, sum(quantity),
    count(*), max(accuracy), min(starts_at), max(ends_at), max(stored_at)
FROM orchestration_sample_before CROSS JOIN (VALUES (1), (24)) AS width(hours)
GROUP BY 2, 3, 4, 5, 6;

DROP TABLE orchestration_sample_before;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("erp", "0003_row_level_security"),
        ("orchestration", "0007_places"),
    ]

    operations = [
        *SUMS,
        migrations.SeparateDatabaseAndState(
            state_operations=BY_WEEK, database_operations=[migrations.RunSQL(TABLE)]
        ),
        migrations.RunSQL(FUNCTIONS),
        migrations.RunSQL(COPY),
    ]
