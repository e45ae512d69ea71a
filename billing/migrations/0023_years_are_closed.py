"""The journal of entries that close a year."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0022_credit_paid_in_advance"),
    ]

    operations = [
        migrations.AlterField(
            model_name="entry",
            name="journal",
            field=models.CharField(
                choices=[
                    ("VT", "Sales"),
                    ("BQ", "Bank"),
                    ("OD", "Miscellaneous"),
                    ("AN", "Opening"),
                    ("CL", "Closing"),
                ],
                max_length=2,
            ),
        ),
    ]
