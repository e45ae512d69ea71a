"""Seal the documents of nodes: they hold the secrets of all that runs there. All are made anew."""

from django.db import migrations, models

ANEW = "UPDATE orchestration_computenode SET desired_source = '', desired_revision = ''"


class Migration(migrations.Migration):
    dependencies = [
        ("orchestration", "0010_trees_and_shared_instances"),
    ]

    operations = [
        migrations.RemoveField(model_name="computenode", name="desired"),
        migrations.AddField(
            model_name="computenode",
            name="desired_sealed",
            field=models.TextField(blank=True, default=""),
            preserve_default=False,
        ),
        migrations.RunSQL(ANEW, migrations.RunSQL.noop),
    ]
