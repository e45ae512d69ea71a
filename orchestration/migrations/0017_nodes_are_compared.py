"""After a restore of the Master nodes are compared before they are changed."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("orchestration", "0016_upgrade_campaigns"),
    ]

    operations = [
        migrations.AddField(
            model_name="computenode",
            name="compare_since",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="computenode",
            name="differences",
            field=models.JSONField(default=list),
        ),
    ]
