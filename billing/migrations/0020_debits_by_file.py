"""Mandates, and files for the bank with what stands in them; who may be debited never changes."""

import functools

import django.db.models.deletion
from django.db import migrations, models

import erp.base.identifiers

SQL = """
SELECT tenantry_protect(name::regclass) FROM unnest(ARRAY[
    'billing_creditor', 'billing_mandate', 'billing_separun', 'billing_debit',
    'billing_transfer']) AS name;
-- A customer who signs a mandate reads to whom.
SELECT tenantry_show_to_customers('billing_creditor', 'organisation_id');

-- What the bank was given, and what was signed, stays as it is: only what becomes of it is written.
CREATE FUNCTION tenantry_guard_sepa() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE may text[] := ARRAY['state', 'state_since', 'state_reason'] || TG_ARGV;
BEGIN
    IF TG_OP = 'DELETE' OR to_jsonb(OLD) - may IS DISTINCT FROM to_jsonb(NEW) - may THEN
        RAISE EXCEPTION 'what was signed or given to a bank never changes'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER guard BEFORE UPDATE OR DELETE ON billing_mandate
    FOR EACH ROW EXECUTE FUNCTION tenantry_guard_sepa('is_last', 'last_used_on', 'returns');
CREATE TRIGGER guard BEFORE UPDATE OR DELETE ON billing_separun
    FOR EACH ROW EXECUTE FUNCTION tenantry_guard_sepa();
CREATE TRIGGER guard BEFORE UPDATE OR DELETE ON billing_debit
    FOR EACH ROW EXECUTE FUNCTION tenantry_guard_sepa('code', 'announced_at', 'receipt_id');
CREATE TRIGGER guard BEFORE UPDATE OR DELETE ON billing_transfer
    FOR EACH ROW EXECUTE FUNCTION tenantry_guard_sepa('code', 'back_id');

ALTER TABLE billing_separun ADD CONSTRAINT separun_content_matches_its_hash
    CHECK (encode(sha256(content), 'hex') = sha256);
"""


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0019_service_credits"),
        ("erp", "0013_mails_about_maintenance"),
    ]

    operations = [
        migrations.AlterField(
            model_name="dunninghold",
            name="kind",
            field=models.CharField(
                choices=[
                    ("dispute", "The invoice is disputed"),
                    ("promise", "The customer promised to pay"),
                    ("exempt", "An exception for this customer"),
                    ("debit", "It is being debited"),
                ],
                max_length=10,
            ),
        ),
        migrations.CreateModel(
            name="Creditor",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("identifier", models.CharField(max_length=35)),
                ("notice_days", models.PositiveSmallIntegerField(default=14)),
                ("return_fee_minor", models.PositiveIntegerField(default=0)),
                (
                    "organisation",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, to="erp.organisation"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Mandate",
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
                        default=functools.partial(erp.base.identifiers.reference, *("Z",)),
                        max_length=12,
                        unique=True,
                    ),
                ),
                ("umr", models.CharField(max_length=35)),
                (
                    "kind",
                    models.CharField(
                        choices=[("recurrent", "Recurrent"), ("one_off", "Once")], max_length=10
                    ),
                ),
                (
                    "scheme",
                    models.CharField(
                        choices=[("CORE", "Core"), ("B2B", "Between companies (B2B)")], max_length=4
                    ),
                ),
                ("holder", models.CharField(max_length=70)),
                ("iban", models.CharField(max_length=34)),
                ("bic", models.CharField(blank=True, max_length=11)),
                ("signed_on", models.DateField()),
                ("signed_by", models.CharField(max_length=150)),
                ("is_last", models.BooleanField(default=False)),
                ("last_used_on", models.DateField(null=True)),
                ("returns", models.PositiveSmallIntegerField(default=0)),
                (
                    "creditor",
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
                        related_name="mandates",
                        to="erp.organisation",
                    ),
                ),
            ],
            options={
                "ordering": ["-pk"],
            },
        ),
        migrations.CreateModel(
            name="SepaRun",
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
                        default=functools.partial(erp.base.identifiers.reference, *("S",)),
                        max_length=12,
                        unique=True,
                    ),
                ),
                ("request_key", models.CharField(max_length=40)),
                (
                    "kind",
                    models.CharField(
                        choices=[("debit", "Direct debits"), ("transfer", "Transfers")],
                        max_length=10,
                    ),
                ),
                (
                    "scheme",
                    models.CharField(
                        blank=True,
                        choices=[("CORE", "Core"), ("B2B", "Between companies (B2B)")],
                        max_length=4,
                    ),
                ),
                ("on", models.DateField()),
                ("orders", models.PositiveIntegerField()),
                ("total_minor", models.BigIntegerField()),
                ("content", models.BinaryField()),
                ("sha256", models.CharField(max_length=64)),
                ("made_at", models.DateTimeField()),
                ("made_by", models.CharField(max_length=150)),
                (
                    "organisation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="sepa_runs",
                        to="erp.organisation",
                    ),
                ),
            ],
            options={
                "ordering": ["-pk"],
            },
        ),
        migrations.CreateModel(
            name="Debit",
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
                        default=functools.partial(erp.base.identifiers.reference, *("J",)),
                        max_length=12,
                        unique=True,
                    ),
                ),
                ("batch", models.CharField(max_length=35)),
                ("sequence", models.CharField(max_length=4)),
                ("minor", models.BigIntegerField()),
                ("code", models.CharField(blank=True, max_length=4)),
                ("announced_at", models.DateTimeField(null=True)),
                (
                    "invoice",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="sepa_debits",
                        to="billing.invoice",
                    ),
                ),
                (
                    "organisation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="sepa_debits",
                        to="erp.organisation",
                    ),
                ),
                (
                    "receipt",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="sepa_debit",
                        to="billing.receipt",
                    ),
                ),
                (
                    "mandate",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="debits",
                        to="billing.mandate",
                    ),
                ),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="debits",
                        to="billing.separun",
                    ),
                ),
            ],
            options={
                "ordering": ["pk"],
            },
        ),
        migrations.CreateModel(
            name="Transfer",
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
                        default=functools.partial(erp.base.identifiers.reference, *("U",)),
                        max_length=12,
                        unique=True,
                    ),
                ),
                ("name", models.CharField(max_length=70)),
                ("iban", models.CharField(max_length=34)),
                ("bic", models.CharField(blank=True, max_length=11)),
                ("batch", models.CharField(max_length=35)),
                ("minor", models.BigIntegerField()),
                ("code", models.CharField(blank=True, max_length=4)),
                (
                    "back",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="sepa_transfer_back",
                        to="billing.receipt",
                    ),
                ),
                (
                    "organisation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="sepa_transfers",
                        to="erp.organisation",
                    ),
                ),
                (
                    "payout",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="sepa_transfer",
                        to="billing.payout",
                    ),
                ),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="transfers",
                        to="billing.separun",
                    ),
                ),
            ],
            options={
                "ordering": ["pk"],
            },
        ),
        migrations.AddConstraint(
            model_name="mandate",
            constraint=models.UniqueConstraint(fields=("creditor", "umr"), name="mandate_umr_once"),
        ),
        migrations.AddConstraint(
            model_name="mandate",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "active")),
                fields=("organisation", "creditor"),
                name="mandate_one_active",
            ),
        ),
        migrations.AddConstraint(
            model_name="mandate",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["active", "failed", "revoked", "ended"])),
                name="mandate_state_is_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="separun",
            constraint=models.UniqueConstraint(
                fields=("organisation", "request_key"), name="separun_once_per_request"
            ),
        ),
        migrations.AddConstraint(
            model_name="separun",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("state__in", ["prepared", "sent", "done", "rejected", "cancelled"])
                ),
                name="separun_state_is_known",
            ),
        ),
        migrations.AddIndex(
            model_name="debit",
            index=models.Index(fields=["run", "state"], name="debit_of_run"),
        ),
        migrations.AddConstraint(
            model_name="debit",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "pending")),
                fields=("invoice",),
                name="debit_one_at_a_time",
            ),
        ),
        migrations.AddConstraint(
            model_name="debit",
            constraint=models.CheckConstraint(
                condition=models.Q(("minor__gt", 0)), name="debit_positive"
            ),
        ),
        migrations.AddConstraint(
            model_name="debit",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("receipt__isnull", False),
                    models.Q(("state__in", ["settled", "returned"]), _negated=True),
                    _connector="OR",
                ),
                name="debit_settled_has_a_receipt",
            ),
        ),
        migrations.AddConstraint(
            model_name="transfer",
            constraint=models.CheckConstraint(
                condition=models.Q(("minor__gt", 0)), name="transfer_positive"
            ),
        ),
        migrations.RunSQL(SQL, migrations.RunSQL.noop),
    ]
