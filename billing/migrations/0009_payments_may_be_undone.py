"""A payment may be taken off its invoice, and credit may go out; both sides count it."""

import functools

import django.db.models.deletion
import django.db.models.expressions
from django.db import migrations, models

import erp.base.identifiers

SQL = """
SELECT tenantry_protect('billing_payout');
SELECT tenantry_append_only('billing_payout');

-- An allocation may be undone, once; both sides count it no more.
CREATE FUNCTION tenantry_undo_allocation() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
    IF TG_OP = 'DELETE' OR OLD.undone_at IS NOT NULL OR NEW.undone_at IS NULL
        OR to_jsonb(OLD) - ARRAY['undone_at', 'undone_by', 'undone_why']
           IS DISTINCT FROM to_jsonb(NEW) - ARRAY['undone_at', 'undone_by', 'undone_why'] THEN
        RAISE EXCEPTION 'allocations are undone once, never changed'
            USING ERRCODE = 'restrict_violation';
    END IF;
    UPDATE billing_receipt SET allocated_minor = allocated_minor - OLD.minor
        WHERE id = OLD.receipt_id;
    UPDATE billing_invoice SET paid_minor = paid_minor - OLD.minor
        WHERE id = OLD.invoice_id AND state = 'issued';
    IF NOT FOUND THEN
        RAISE EXCEPTION 'this payment cannot be taken off its invoice'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

DROP TRIGGER append_only ON billing_paymentallocation;
CREATE TRIGGER undone_once BEFORE UPDATE OR DELETE ON billing_paymentallocation
    FOR EACH ROW EXECUTE FUNCTION tenantry_undo_allocation();

CREATE FUNCTION tenantry_add_payout() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
    UPDATE billing_receipt SET paid_out_minor = paid_out_minor + NEW.minor
        WHERE id = NEW.receipt_id AND organisation_id = NEW.organisation_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'this receipt is of another organisation'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER adds_up AFTER INSERT ON billing_payout
    FOR EACH ROW EXECUTE FUNCTION tenantry_add_payout();

CREATE OR REPLACE FUNCTION tenantry_guard_receipt() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR to_jsonb(OLD) - ARRAY['allocated_minor', 'paid_out_minor']
        IS DISTINCT FROM to_jsonb(NEW) - ARRAY['allocated_minor', 'paid_out_minor'] THEN
        RAISE EXCEPTION 'receipts are never changed' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0008_the_books_remember"),
        ("erp", "0007_wishes_of_the_place"),
    ]

    operations = [
        migrations.CreateModel(
            name="Payout",
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
                        default=functools.partial(erp.base.identifiers.reference, *("X",)),
                        max_length=12,
                        unique=True,
                    ),
                ),
                ("idempotency_key", models.CharField(max_length=80)),
                (
                    "kind",
                    models.CharField(
                        choices=[("refund", "Refund"), ("returned", "Taken back by the bank")],
                        max_length=10,
                    ),
                ),
                ("minor", models.BigIntegerField()),
                ("paid_on", models.DateField()),
                ("why", models.CharField(max_length=200)),
                ("recorded_at", models.DateTimeField()),
                ("recorded_by", models.CharField(max_length=150)),
            ],
            options={
                "ordering": ["-pk"],
            },
        ),
        migrations.RemoveConstraint(
            model_name="paymentallocation",
            name="allocation_once",
        ),
        migrations.AddField(
            model_name="paymentallocation",
            name="undone_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="paymentallocation",
            name="undone_by",
            field=models.CharField(blank=True, max_length=150),
        ),
        migrations.AddField(
            model_name="paymentallocation",
            name="undone_why",
            field=models.CharField(blank=True, max_length=200),
        ),
        migrations.AddField(
            model_name="receipt",
            name="paid_out_minor",
            field=models.BigIntegerField(default=0, editable=False),
        ),
        migrations.AlterField(
            model_name="receipt",
            name="method",
            field=models.CharField(
                choices=[
                    ("transfer", "Bank transfer"),
                    ("debit", "Direct debit"),
                    ("card", "Card"),
                    ("cash", "Cash"),
                    ("other", "Other"),
                    ("write_off", "Written off"),
                    ("charges", "Charges of a bank"),
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
                    )
                ),
                fields=["issuer", "organisation"],
                name="receipt_with_credit",
            ),
        ),
        migrations.AddConstraint(
            model_name="paymentallocation",
            constraint=models.UniqueConstraint(
                condition=models.Q(("undone_at", None)),
                fields=("receipt", "invoice"),
                name="allocation_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="receipt",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "amount_minor__gte",
                        django.db.models.expressions.CombinedExpression(
                            models.F("allocated_minor"), "+", models.F("paid_out_minor")
                        ),
                    ),
                    ("paid_out_minor__gte", 0),
                ),
                name="receipt_never_spent_twice",
            ),
        ),
        migrations.AddField(
            model_name="payout",
            name="organisation",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, to="erp.organisation"
            ),
        ),
        migrations.AddField(
            model_name="payout",
            name="receipt",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="payouts",
                to="billing.receipt",
            ),
        ),
        migrations.AddConstraint(
            model_name="payout",
            constraint=models.UniqueConstraint(
                fields=("receipt", "idempotency_key"), name="payout_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="payout",
            constraint=models.CheckConstraint(
                condition=models.Q(("minor__gt", 0)), name="payout_positive"
            ),
        ),
        migrations.RunSQL(SQL, migrations.RunSQL.noop),
    ]
