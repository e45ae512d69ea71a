"""Numbers that were taken after the backup from which the Master was restored."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0023_years_are_closed"),
        ("erp", "0018_plans_promise_backups"),
    ]

    operations = [
        migrations.CreateModel(
            name="LostNumber",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("prefix", models.CharField(max_length=4)),
                ("year", models.PositiveSmallIntegerField()),
                ("sequence", models.PositiveIntegerField()),
                ("number", models.CharField(max_length=20)),
                ("issued_on", models.DateField()),
                (
                    "kind",
                    models.CharField(
                        choices=[("invoice", "Invoice"), ("credit_note", "Credit Note")],
                        max_length=12,
                    ),
                ),
                ("contract_reference", models.CharField(max_length=12)),
                ("period_start_at", models.DateTimeField()),
                ("period_end_at", models.DateTimeField()),
                ("total_minor", models.BigIntegerField()),
                ("currency", models.CharField(max_length=3)),
                ("found_at", models.DateTimeField()),
                ("released_at", models.DateTimeField(null=True)),
                (
                    "organisation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, to="erp.organisation"
                    ),
                ),
            ],
            options={
                "ordering": ["organisation", "prefix", "year", "sequence"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organisation", "prefix", "year", "sequence"),
                        name="lostnumber_once",
                    )
                ],
            },
        ),
        migrations.RunSQL("SELECT tenantry_protect('billing_lostnumber')", migrations.RunSQL.noop),
    ]
