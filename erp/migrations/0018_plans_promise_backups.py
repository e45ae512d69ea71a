"""A plan, and the line that was agreed with it, say how the data are kept safe."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("erp", "0017_answers_are_kept"),
    ]

    operations = [
        migrations.AddField(
            model_name="contractline",
            name="backup",
            field=models.JSONField(blank=True, default=dict),
        ),
        migrations.AddField(
            model_name="plan",
            name="backup",
            field=models.JSONField(blank=True, default=dict),
        ),
    ]
