"""What a plan gives back below which availability, and what a contract line was promised."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("erp", "0015_wholesale"),
    ]

    operations = [
        migrations.AddField(
            model_name="contractline",
            name="service_level",
            field=models.JSONField(blank=True, default=list),
        ),
        migrations.AddField(
            model_name="plan",
            name="service_level",
            field=models.JSONField(blank=True, default=list),
        ),
    ]
