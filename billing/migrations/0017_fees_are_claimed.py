"""Fees of late payers as open items, with what pays them."""

import functools

import django.db.models.deletion
import django.db.models.expressions
from django.db import migrations, models

import erp.base.identifiers

SQL = """
SELECT tenantry_protect(name::regclass) FROM unnest(ARRAY[
    'billing_fee', 'billing_feepayment']) AS name;

CREATE FUNCTION tenantry_pay_fee() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
    UPDATE billing_receipt SET allocated_minor = allocated_minor + NEW.minor
        WHERE id = NEW.receipt_id;
    UPDATE billing_fee SET paid_minor = paid_minor + NEW.minor
        FROM billing_receipt r
        WHERE billing_fee.id = NEW.fee_id AND r.id = NEW.receipt_id
          AND r.currency = billing_fee.currency AND r.issuer_id = billing_fee.issuer_id
          AND r.organisation_id = billing_fee.organisation_id
          AND NEW.organisation_id = r.organisation_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'this receipt cannot pay that fee' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER adds_up AFTER INSERT ON billing_feepayment
    FOR EACH ROW EXECUTE FUNCTION tenantry_pay_fee();

CREATE FUNCTION tenantry_undo_fee_payment() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
    IF TG_OP = 'DELETE' OR OLD.undone_at IS NOT NULL OR NEW.undone_at IS NULL
        OR to_jsonb(OLD) - 'undone_at' IS DISTINCT FROM to_jsonb(NEW) - 'undone_at' THEN
        RAISE EXCEPTION 'payments of fees are undone once, never changed'
            USING ERRCODE = 'restrict_violation';
    END IF;
    UPDATE billing_receipt SET allocated_minor = allocated_minor - OLD.minor
        WHERE id = OLD.receipt_id;
    UPDATE billing_fee SET paid_minor = paid_minor - OLD.minor WHERE id = OLD.fee_id;
    RETURN NEW;
END $$;

CREATE TRIGGER undone_once BEFORE UPDATE OR DELETE ON billing_feepayment
    FOR EACH ROW EXECUTE FUNCTION tenantry_undo_fee_payment();

-- A fee stays as it was claimed; it is paid, and waived once.
CREATE FUNCTION tenantry_guard_fee() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE may text[] := ARRAY['paid_minor'];
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.waived_at IS NULL THEN
        may := may || ARRAY['waived_minor', 'waived_at', 'waived_by', 'waived_why'];
    END IF;
    IF TG_OP = 'DELETE' OR to_jsonb(OLD) - may IS DISTINCT FROM to_jsonb(NEW) - may THEN
        RAISE EXCEPTION 'fees stay as they were claimed' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER guard BEFORE UPDATE OR DELETE ON billing_fee
    FOR EACH ROW EXECUTE FUNCTION tenantry_guard_fee();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0016_invoices_are_issued_together"),
        ("erp", "0011_e_invoices_as_wished"),
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
                    ("transfer", "Refund by file"),
                    ("refused", "Refused by the bank"),
                ],
                max_length=10,
            ),
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
                    ("sepa", "Direct debit by file"),
                ],
                max_length=10,
            ),
        ),
        migrations.CreateModel(
            name="Fee",
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
                        default=functools.partial(erp.base.identifiers.reference, *("H",)),
                        max_length=12,
                        unique=True,
                    ),
                ),
                ("key", models.CharField(max_length=80)),
                (
                    "kind",
                    models.CharField(
                        choices=[("reminder", "Reminder"), ("returned", "Debit that came back")],
                        max_length=10,
                    ),
                ),
                ("minor", models.BigIntegerField()),
                ("currency", models.CharField(max_length=3)),
                ("claimed_on", models.DateField()),
                ("claimed_at", models.DateTimeField()),
                ("claimed_by", models.CharField(max_length=150)),
                ("paid_minor", models.BigIntegerField(default=0, editable=False)),
                ("waived_minor", models.BigIntegerField(default=0)),
                ("waived_at", models.DateTimeField(null=True)),
                ("waived_by", models.CharField(blank=True, max_length=150)),
                ("waived_why", models.CharField(blank=True, max_length=200)),
                (
                    "invoice",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="fees",
                        to="billing.invoice",
                    ),
                ),
                (
                    "issuer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="erp.organisation",
                    ),
                ),
                (
                    "organisation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="fees",
                        to="erp.organisation",
                    ),
                ),
            ],
            options={
                "ordering": ["-pk"],
            },
        ),
        migrations.CreateModel(
            name="FeePayment",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("minor", models.BigIntegerField()),
                ("undone_at", models.DateTimeField(null=True)),
                (
                    "fee",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="payments",
                        to="billing.fee",
                    ),
                ),
                (
                    "organisation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, to="erp.organisation"
                    ),
                ),
                (
                    "receipt",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="fee_payments",
                        to="billing.receipt",
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name="fee",
            constraint=models.UniqueConstraint(fields=("issuer", "key"), name="fee_once"),
        ),
        migrations.AddConstraint(
            model_name="fee",
            constraint=models.CheckConstraint(
                condition=models.Q(("minor__gt", 0)), name="fee_positive"
            ),
        ),
        migrations.AddConstraint(
            model_name="fee",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "minor__gte",
                        django.db.models.expressions.CombinedExpression(
                            models.F("paid_minor"), "+", models.F("waived_minor")
                        ),
                    ),
                    ("paid_minor__gte", 0),
                    ("waived_minor__gte", 0),
                ),
                name="fee_never_overpaid",
            ),
        ),
        migrations.AddConstraint(
            model_name="feepayment",
            constraint=models.UniqueConstraint(
                condition=models.Q(("undone_at", None)),
                fields=("receipt", "fee"),
                name="feepayment_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="feepayment",
            constraint=models.CheckConstraint(
                condition=models.Q(("minor__gt", 0)), name="feepayment_positive"
            ),
        ),
        migrations.RunSQL(SQL, migrations.RunSQL.noop),
    ]
