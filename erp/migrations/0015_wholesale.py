"""Lists for one buyer, lists made from others, and the contracts of resellers with the provider.

A list for one buyer is read by its seller and by that buyer, never by the buyer's customers.
"""

import django.contrib.postgres.constraints
import django.contrib.postgres.fields.ranges
import django.db.models.deletion
import django.db.models.functions.comparison
from django.db import migrations, models

SQL = """
DROP POLICY sold ON erp_pricelist;
CREATE POLICY sold ON erp_pricelist FOR SELECT USING (
    (buyer_id IS NULL AND organisation_id IN (SELECT tenantry_organisations_and_sellers()))
    OR buyer_id IN (SELECT tenantry_organisations()));
DROP POLICY sold ON erp_price;
CREATE POLICY sold ON erp_price FOR SELECT
    USING (price_list_id IN (SELECT id FROM erp_pricelist));
"""


class Migration(migrations.Migration):
    dependencies = [
        ("erp", "0014_the_desk"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="pricelist",
            name="pricelist_one_at_a_time",
        ),
        migrations.AddField(
            model_name="contract",
            name="is_wholesale",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="pricelist",
            name="amount",
            field=models.DecimalField(decimal_places=9, default=0, max_digits=20),
        ),
        migrations.AddField(
            model_name="pricelist",
            name="based_on",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                to="erp.pricelist",
            ),
        ),
        migrations.AddField(
            model_name="pricelist",
            name="buyer",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="own_prices",
                to="erp.organisation",
            ),
        ),
        migrations.AddField(
            model_name="pricelist",
            name="percent",
            field=models.DecimalField(decimal_places=4, default=0, max_digits=9),
        ),
        migrations.AddConstraint(
            model_name="contract",
            constraint=models.UniqueConstraint(
                condition=models.Q(("is_wholesale", True)),
                fields=("organisation", "currency"),
                name="contract_one_wholesale_per_currency",
            ),
        ),
        migrations.AddConstraint(
            model_name="pricelist",
            constraint=django.contrib.postgres.constraints.ExclusionConstraint(
                expressions=[
                    ("organisation", "="),
                    (django.db.models.functions.comparison.Coalesce("buyer", models.Value(0)), "="),
                    ("currency", "="),
                    (
                        models.Func(
                            "starts_at",
                            "ends_at",
                            function="TSTZRANGE",
                            output_field=django.contrib.postgres.fields.ranges.DateTimeRangeField(),
                        ),
                        "&&",
                    ),
                ],
                name="pricelist_one_at_a_time",
            ),
        ),
        migrations.RunSQL(SQL, migrations.RunSQL.noop),
    ]
