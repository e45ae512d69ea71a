"""Keep which agent a node put back, and why."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("orchestration", "0005_documents_name_their_source"),
    ]

    operations = [
        migrations.AddField(
            model_name="computenode",
            name="agent_refused",
            field=models.CharField(blank=True, max_length=64),
        ),
        migrations.AddField(
            model_name="computenode",
            name="agent_refusal",
            field=models.TextField(blank=True),
        ),
    ]
