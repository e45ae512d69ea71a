"""What a seller shows of itself: read by its customers, pictures never changed."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("erp", "0019_budgets"),
    ]

    operations = [
        migrations.CreateModel(
            name="Logo",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("sha256", models.CharField(max_length=64)),
                ("png", models.BinaryField()),
                ("width", models.PositiveSmallIntegerField()),
                ("height", models.PositiveSmallIntegerField()),
                (
                    "organisation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="logos",
                        to="erp.organisation",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Brand",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=60)),
                ("colour", models.CharField(blank=True, max_length=7)),
                ("reply_to", models.EmailField(blank=True, max_length=254)),
                ("terms", models.TextField(blank=True, max_length=1000)),
                ("changed_at", models.DateTimeField()),
                (
                    "organisation",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="brand",
                        to="erp.organisation",
                    ),
                ),
                (
                    "logo",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="erp.logo",
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name="logo",
            constraint=models.UniqueConstraint(fields=("organisation", "sha256"), name="logo_once"),
        ),
        migrations.RunSQL(
            """
            SELECT tenantry_protect(name::regclass) FROM unnest(ARRAY['erp_logo', 'erp_brand']) AS name;
            SELECT tenantry_show_to_customers(name::regclass, 'organisation_id')
            FROM unnest(ARRAY['erp_logo', 'erp_brand']) AS name;
            SELECT tenantry_append_only('erp_logo');
            """,
            migrations.RunSQL.noop,
        ),
    ]
