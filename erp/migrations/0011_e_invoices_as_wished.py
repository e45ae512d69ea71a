"""How an organisation wants its e-invoices, and what they ask for."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("erp", "0010_api_tokens"),
    ]

    operations = [
        migrations.AddField(
            model_name="organisation",
            name="buyer_reference",
            field=models.CharField(blank=True, max_length=60),
        ),
        migrations.AddField(
            model_name="organisation",
            name="invoice_format",
            field=models.CharField(
                choices=[
                    ("factur-x", "Factur-X, inside the PDF"),
                    ("peppol", "Peppol BIS 3 (UBL)"),
                    ("xrechnung", "XRechnung 3 (UBL)"),
                ],
                default="factur-x",
                max_length=10,
            ),
        ),
        migrations.AddField(
            model_name="organisation",
            name="phone",
            field=models.CharField(blank=True, max_length=40),
        ),
    ]
