"""Keep with each order the prices that its buyer saw; orders that wait get those of their list."""

from django.db import migrations, models

FILL = """
UPDATE erp_order o SET prices = (
    SELECT coalesce(jsonb_agg(jsonb_build_object(
        'kind', p.kind, 'meter', p.meter, 'unit', p.unit, 'unit_price', p.unit_price::text,
        'included_quantity', p.included_quantity::text) ORDER BY p.kind, p.meter), '[]')
    FROM erp_price p WHERE p.plan_id = o.plan_id AND p.price_list_id = o.price_list_id)
"""


class Migration(migrations.Migration):
    dependencies = [("erp", "0005_children_are_seen_at_birth")]
    operations = [
        migrations.AddField("order", "prices", models.JSONField(default=list)),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
    ]
