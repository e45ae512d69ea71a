"""People may want, or not, mails about planned work."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("erp", "0012_lines_change"),
    ]

    operations = [
        migrations.AlterField(
            model_name="mail",
            name="topic",
            field=models.CharField(
                choices=[
                    ("incidents", "Incidents"),
                    ("maintenance", "Maintenance"),
                    ("tickets", "Tickets"),
                    ("invoices", "Invoices"),
                    ("account", "Account"),
                ],
                max_length=12,
            ),
        ),
        migrations.AlterField(
            model_name="preference",
            name="topic",
            field=models.CharField(
                choices=[
                    ("incidents", "Incidents"),
                    ("maintenance", "Maintenance"),
                    ("tickets", "Tickets"),
                    ("invoices", "Invoices"),
                    ("account", "Account"),
                ],
                max_length=12,
            ),
        ),
    ]
