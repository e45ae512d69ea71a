"""Names in small letters, by code point: how they begin is a range of an index."""

import django.db.models.functions.text
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("erp", "0020_brands"),
    ]

    operations = [
        migrations.AddField(
            model_name="contract",
            name="search_name",
            field=models.GeneratedField(
                db_persist=True,
                expression=django.db.models.functions.text.Lower("name"),
                output_field=models.CharField(db_collation="C", max_length=100),
            ),
        ),
        migrations.AddField(
            model_name="organisation",
            name="search_name",
            field=models.GeneratedField(
                db_persist=True,
                expression=django.db.models.functions.text.Lower("name"),
                output_field=models.CharField(db_collation="C", max_length=200),
            ),
        ),
        migrations.AddIndex(
            model_name="contract",
            index=models.Index(fields=["search_name"], name="contract_search"),
        ),
        migrations.AddIndex(
            model_name="organisation",
            index=models.Index(fields=["search_name"], name="organisation_search"),
        ),
    ]
