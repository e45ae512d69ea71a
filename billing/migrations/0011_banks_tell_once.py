"""Files of banks, their statements and movements, each once."""

import functools

import django.db.models.deletion
from django.db import migrations, models

import erp.base.identifiers

SQL = """
SELECT tenantry_protect(name::regclass) FROM unnest(ARRAY[
    'billing_bankfile', 'billing_bankstatement', 'billing_bankitem']) AS name;
SELECT tenantry_append_only(name::regclass) FROM unnest(ARRAY[
    'billing_bankfile', 'billing_bankstatement']) AS name;

-- What the bank said stays; only the answer to it moves.
CREATE FUNCTION tenantry_guard_bankitem() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE'
        OR to_jsonb(OLD) - ARRAY['state', 'state_since', 'state_reason', 'attempts', 'receipt_id',
            'payout_id'] IS DISTINCT FROM to_jsonb(NEW) - ARRAY['state', 'state_since',
            'state_reason', 'attempts', 'receipt_id', 'payout_id'] THEN
        RAISE EXCEPTION 'movements of a bank are never changed'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER guard BEFORE UPDATE OR DELETE ON billing_bankitem
    FOR EACH ROW EXECUTE FUNCTION tenantry_guard_bankitem();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0010_charges_have_parts"),
        ("erp", "0008_the_outbox"),
    ]

    operations = [
        migrations.AlterField(
            model_name="payout",
            name="kind",
            field=models.CharField(
                choices=[
                    ("refund", "Refund"),
                    ("returned", "Taken back by the bank"),
                    ("mistake", "Recorded by mistake"),
                ],
                max_length=10,
            ),
        ),
        migrations.CreateModel(
            name="BankFile",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "reference",
                    models.CharField(
                        default=functools.partial(erp.base.identifiers.reference, *("B",)),
                        max_length=12,
                        unique=True,
                    ),
                ),
                ("name", models.CharField(max_length=120)),
                ("format", models.CharField(max_length=10)),
                ("sha256", models.CharField(max_length=64)),
                ("lines", models.PositiveIntegerField()),
                ("new_lines", models.PositiveIntegerField()),
                ("imported_at", models.DateTimeField()),
                ("imported_by", models.CharField(max_length=150)),
                (
                    "organisation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="bank_files",
                        to="erp.organisation",
                    ),
                ),
            ],
            options={
                "ordering": ["-pk"],
            },
        ),
        migrations.CreateModel(
            name="BankStatement",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("account", models.CharField(max_length=34)),
                ("currency", models.CharField(max_length=3)),
                ("number", models.CharField(max_length=40)),
                ("opening_minor", models.BigIntegerField(null=True)),
                ("closing_minor", models.BigIntegerField(null=True)),
                ("closing_on", models.DateField()),
                ("warning", models.CharField(blank=True, max_length=300)),
                (
                    "file",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="statements",
                        to="billing.bankfile",
                    ),
                ),
                (
                    "organisation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, to="erp.organisation"
                    ),
                ),
            ],
            options={
                "ordering": ["-closing_on", "-pk"],
            },
        ),
        migrations.CreateModel(
            name="BankItem",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("state", models.CharField(max_length=20)),
                ("state_since", models.DateTimeField()),
                ("state_reason", models.TextField(blank=True)),
                (
                    "reference",
                    models.CharField(
                        default=functools.partial(erp.base.identifiers.reference, *("M",)),
                        max_length=12,
                        unique=True,
                    ),
                ),
                ("key", models.CharField(max_length=60)),
                ("booked_on", models.DateField()),
                ("value_on", models.DateField()),
                ("minor", models.BigIntegerField()),
                ("currency", models.CharField(max_length=3)),
                ("text", models.CharField(blank=True, max_length=500)),
                ("name", models.CharField(blank=True, max_length=140)),
                ("iban", models.CharField(blank=True, max_length=34)),
                ("bank_reference", models.CharField(blank=True, max_length=60)),
                ("end_to_end", models.CharField(blank=True, max_length=35)),
                ("batch", models.CharField(blank=True, max_length=35)),
                ("return_code", models.CharField(blank=True, max_length=4)),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                (
                    "organisation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="bank_items",
                        to="erp.organisation",
                    ),
                ),
                (
                    "payout",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="bank_items",
                        to="billing.payout",
                    ),
                ),
                (
                    "receipt",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="bank_items",
                        to="billing.receipt",
                    ),
                ),
                (
                    "statement",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="items",
                        to="billing.bankstatement",
                    ),
                ),
            ],
            options={
                "ordering": ["-booked_on", "-pk"],
            },
        ),
        migrations.AddConstraint(
            model_name="bankfile",
            constraint=models.UniqueConstraint(
                fields=("organisation", "sha256"), name="bankfile_once"
            ),
        ),
        migrations.AddIndex(
            model_name="bankitem",
            index=models.Index(
                condition=models.Q(("state", "open")),
                fields=["organisation", "-id"],
                name="bankitem_open",
            ),
        ),
        migrations.AddIndex(
            model_name="bankitem",
            index=models.Index(fields=["organisation", "-id"], name="bankitem_of_books"),
        ),
        migrations.AddConstraint(
            model_name="bankitem",
            constraint=models.UniqueConstraint(
                fields=("organisation", "key"), name="bankitem_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="bankitem",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["open", "matched", "booked", "set_aside"])),
                name="bankitem_state_is_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="bankitem",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("receipt__isnull", False), ("state", "matched")),
                    models.Q(
                        models.Q(("state", "matched"), _negated=True),
                        ("payout", None),
                        ("receipt", None),
                    ),
                    _connector="OR",
                ),
                name="bankitem_matched_has_receipt",
            ),
        ),
        migrations.RunSQL(SQL, migrations.RunSQL.noop),
    ]
