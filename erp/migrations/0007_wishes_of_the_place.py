"""Keep what a buyer may wish of the place, and what a plan fixes; offers that exist let choose."""

import django.contrib.postgres.fields
from django.db import migrations, models

FILL = """
UPDATE erp_offer SET wishes = '{region,countries,with,not_with,unique_by_network}'
"""


class Migration(migrations.Migration):
    dependencies = [
        ("erp", "0006_orders_keep_their_prices"),
    ]

    operations = [
        migrations.AddField(
            model_name="offer",
            name="wishes",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=40), blank=True, default=list, size=None
            ),
        ),
        migrations.AddField(
            model_name="plan",
            name="sla",
            field=models.JSONField(default=dict),
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
    ]
