"""What calls with a key were answered, so that their repeat gets the same; locked per tenant."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("erp", "0016_service_levels"),
    ]

    operations = [
        migrations.CreateModel(
            name="ApiReply",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("key", models.CharField(max_length=80)),
                ("request_hash", models.CharField(max_length=64)),
                (
                    "rights",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=20), size=None
                    ),
                ),
                ("status", models.PositiveSmallIntegerField()),
                ("body", models.TextField()),
                ("created_at", models.DateTimeField()),
                (
                    "member",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="replies",
                        to="erp.member",
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
                "indexes": [models.Index(fields=["created_at"], name="apireply_old")],
                "constraints": [
                    models.UniqueConstraint(fields=("member", "key"), name="apireply_once_per_key")
                ],
            },
        ),
        migrations.RunSQL("SELECT tenantry_protect('erp_apireply');", migrations.RunSQL.noop),
    ]
