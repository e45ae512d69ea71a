"""What a machine costs its provider in a month, by date."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("erp", "0019_budgets"),
        ("orchestration", "0014_backups"),
    ]

    operations = [
        migrations.CreateModel(
            name="NodeCost",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("monthly_minor", models.BigIntegerField()),
                ("currency", models.CharField(max_length=3)),
                ("starts_at", models.DateTimeField()),
                ("set_at", models.DateTimeField()),
                ("set_by", models.CharField(max_length=150)),
                (
                    "node",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="costs",
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
                "ordering": ["node", "starts_at"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("node", "starts_at"), name="nodecost_once_per_moment"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("monthly_minor__gte", 0)), name="nodecost_not_negative"
                    ),
                ],
            },
        ),
        migrations.RunSQL(
            "SELECT tenantry_protect('orchestration_nodecost');", migrations.RunSQL.noop
        ),
    ]
