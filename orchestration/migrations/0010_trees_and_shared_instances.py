"""Children get what they publish to their parent; shared instances stand on a host."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("erp", "0006_orders_keep_their_prices"),
        ("orchestration", "0009_nodes_that_call"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="instance",
            name="instance_on_a_node_has_a_partition",
        ),
        migrations.AddField(
            model_name="instance",
            name="host",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="shared",
                to="orchestration.instance",
            ),
        ),
        migrations.AddField(
            model_name="instance",
            name="inputs",
            field=models.CharField(blank=True, max_length=32),
        ),
        migrations.AddField(
            model_name="instance",
            name="is_shared",
            field=models.BooleanField(default=False),
        ),
        migrations.AddConstraint(
            model_name="instance",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("is_shared", True), ("partition", None)),
                    models.Q(
                        ("is_shared", False),
                        ("state__in", ["waiting", "wiped"]),
                        ("partition", None),
                    ),
                    models.Q(
                        ("is_shared", False),
                        models.Q(("state__in", ["waiting", "wiped"]), _negated=True),
                        ("partition__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="instance_on_a_node_has_a_partition",
            ),
        ),
        migrations.AddConstraint(
            model_name="instance",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("host", None), ("is_shared", False)),
                    models.Q(
                        ("is_shared", True), ("state__in", ["waiting", "wiped"]), ("host", None)
                    ),
                    models.Q(
                        ("is_shared", True),
                        models.Q(("state__in", ["waiting", "wiped"]), _negated=True),
                        ("host__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="instance_shared_has_a_host",
            ),
        ),
    ]
