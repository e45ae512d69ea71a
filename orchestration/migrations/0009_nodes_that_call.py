"""Nodes that call us: their authority, tokens and certificates; locked per tenant."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("erp", "0006_orders_keep_their_prices"),
        ("orchestration", "0008_samples_by_week"),
    ]

    operations = [
        migrations.CreateModel(
            name="NodeAuthority",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("certificate", models.TextField()),
                ("key_sealed", models.TextField()),
                ("open_since", models.DateTimeField(null=True)),
                ("seen_at", models.DateTimeField(null=True)),
                ("told_closed_at", models.DateTimeField(null=True)),
                ("created_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="NodeCaller",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("token_hash", models.CharField(blank=True, max_length=64)),
                ("token_until", models.DateTimeField(null=True)),
                ("token_key_hash", models.CharField(blank=True, max_length=64)),
                ("certificate", models.TextField(blank=True)),
                ("certificate_hash", models.CharField(blank=True, max_length=64)),
                ("certificate_until", models.DateTimeField(null=True)),
                ("former_hash", models.CharField(blank=True, max_length=64)),
            ],
        ),
        migrations.RemoveConstraint(
            model_name="computenode",
            name="node_enrolled_once",
        ),
        migrations.AddField(
            model_name="computenode",
            name="carrier",
            field=models.CharField(
                choices=[("ssh", "Ssh"), ("https", "Https")], default="ssh", max_length=5
            ),
        ),
        migrations.AlterField(
            model_name="computenode",
            name="host",
            field=models.CharField(blank=True, max_length=255),
        ),
        migrations.AlterField(
            model_name="computenode",
            name="service_address",
            field=models.GenericIPAddressField(null=True),
        ),
        migrations.AddConstraint(
            model_name="computenode",
            constraint=models.UniqueConstraint(
                condition=models.Q(
                    models.Q(("state", "retired"), _negated=True), ("carrier", "ssh")
                ),
                fields=("host", "port", "agent_home"),
                name="node_enrolled_once",
            ),
        ),
        migrations.AddField(
            model_name="nodeauthority",
            name="organisation",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.PROTECT, to="erp.organisation"
            ),
        ),
        migrations.AddField(
            model_name="nodecaller",
            name="node",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="caller",
                to="orchestration.computenode",
            ),
        ),
        migrations.AddField(
            model_name="nodecaller",
            name="organisation",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, to="erp.organisation"
            ),
        ),
        migrations.AddConstraint(
            model_name="nodecaller",
            constraint=models.UniqueConstraint(
                condition=models.Q(("token_hash", ""), _negated=True),
                fields=("token_hash",),
                name="node_token_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="nodecaller",
            constraint=models.UniqueConstraint(
                condition=models.Q(("certificate_hash", ""), _negated=True),
                fields=("certificate_hash",),
                name="node_certificate_once",
            ),
        ),
        migrations.RunSQL(
            "SELECT tenantry_protect('orchestration_nodeauthority');"
            "SELECT tenantry_protect('orchestration_nodecaller');",
            migrations.RunSQL.noop,
        ),
    ]
