"""Who wants a statement of account every month."""

import django.db.models.deletion
from django.db import migrations, models

SQL = """
SELECT tenantry_protect('billing_statementwish');
"""


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0020_debits_by_file"),
        ("erp", "0016_service_levels"),
    ]

    operations = [
        migrations.CreateModel(
            name="StatementWish",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("wanted_at", models.DateTimeField()),
                ("wanted_by", models.CharField(max_length=150)),
                ("sent_for_on", models.DateField(null=True)),
                (
                    "organisation",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="statement_wish",
                        to="erp.organisation",
                    ),
                ),
            ],
        ),
        migrations.RunSQL(SQL, migrations.RunSQL.noop),
    ]
