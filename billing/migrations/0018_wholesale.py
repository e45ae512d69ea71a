"""A window is billed once to each payer: a reseller pays its provider for what it sells on."""

import django.contrib.postgres.constraints
import django.contrib.postgres.fields.ranges
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0017_fees_are_claimed"),
        ("erp", "0015_wholesale"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="billedwindow",
            name="billedwindow_setup_once",
        ),
        migrations.RemoveConstraint(
            model_name="billedwindow",
            name="billedwindow_never_overlaps",
        ),
        migrations.AddField(
            model_name="ratingrun",
            name="left_out",
            field=models.JSONField(default=dict),
        ),
        migrations.AddConstraint(
            model_name="billedwindow",
            constraint=models.UniqueConstraint(
                condition=models.Q(("kind", "setup")),
                fields=("organisation", "line"),
                name="billedwindow_setup_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="billedwindow",
            constraint=django.contrib.postgres.constraints.ExclusionConstraint(
                condition=models.Q(("is_correction", False)),
                expressions=[
                    ("organisation", "="),
                    ("line", "="),
                    ("kind", "="),
                    ("meter", "="),
                    ("part", "="),
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
                name="billedwindow_never_overlaps",
            ),
        ),
    ]
