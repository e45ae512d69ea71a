"""Money paid in advance: it pays invoices by itself, and may expire."""

import django.db.models.expressions
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0021_statements_are_mailed"),
        ("erp", "0013_mails_about_maintenance"),
    ]

    operations = [
        migrations.AddField(
            model_name="receipt",
            name="expires_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="receipt",
            name="is_prepaid",
            field=models.BooleanField(default=False),
        ),
        migrations.AlterField(
            model_name="payout",
            name="kind",
            field=models.CharField(
                choices=[
                    ("refund", "Refund"),
                    ("returned", "Taken back by the bank"),
                    ("mistake", "Recorded by mistake"),
                    ("transfer", "Refund by file"),
                    ("refused", "Refused by the bank"),
                    ("expired", "Expired credit"),
                ],
                max_length=10,
            ),
        ),
        migrations.AddIndex(
            model_name="receipt",
            index=models.Index(
                condition=models.Q(
                    (
                        "amount_minor__gt",
                        django.db.models.expressions.CombinedExpression(
                            models.F("allocated_minor"), "+", models.F("paid_out_minor")
                        ),
                    ),
                    ("is_prepaid", True),
                ),
                fields=["issuer", "organisation", "expires_at"],
                name="receipt_prepaid",
            ),
        ),
        migrations.AddConstraint(
            model_name="receipt",
            constraint=models.CheckConstraint(
                condition=models.Q(("expires_at", None), ("is_prepaid", True), _connector="OR"),
                name="receipt_only_prepaid_expires",
            ),
        ),
    ]
