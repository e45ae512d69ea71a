"""Credit notes add up on the invoice that they correct, whose checks refuse too much."""

import django.contrib.postgres.constraints
import django.contrib.postgres.fields.ranges
import django.db.models.deletion
import django.db.models.expressions
from django.db import migrations, models

SQL = """
-- What may still move after the issue.
CREATE OR REPLACE FUNCTION tenantry_frozen_part(invoice billing_invoice) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT to_jsonb(invoice)
        - ARRAY['state', 'state_since', 'state_reason', 'paid_minor', 'credited_minor']
$$;

CREATE FUNCTION tenantry_add_credit() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
    IF (NEW.corrects_id, NEW.replaces_id, NEW.reason)
        IS DISTINCT FROM (OLD.corrects_id, OLD.replaces_id, OLD.reason) THEN
        RAISE EXCEPTION 'a credit note is issued as it was drafted'
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.kind <> 'credit_note' THEN
        RETURN NULL;
    END IF;
    UPDATE billing_invoice SET credited_minor = credited_minor + NEW.total_minor
        WHERE id = NEW.corrects_id AND kind = 'invoice' AND state IN ('issued', 'paid')
          AND issuer_id = NEW.issuer_id AND organisation_id = NEW.organisation_id
          AND contract_id = NEW.contract_id AND currency = NEW.currency;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'this credit note cannot correct that invoice'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER adds_credit AFTER UPDATE ON billing_invoice FOR EACH ROW
    WHEN (OLD.state = 'draft' AND NEW.state = 'issued') EXECUTE FUNCTION tenantry_add_credit();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0012_late_payers_are_reminded"),
        ("erp", "0011_e_invoices_as_wished"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="invoice",
            name="invoice_paid_in_full",
        ),
        migrations.RemoveConstraint(
            model_name="invoice",
            name="invoice_once_per_contract_and_period",
        ),
        migrations.RemoveConstraint(
            model_name="invoice",
            name="invoice_periods_never_overlap",
        ),
        migrations.AddField(
            model_name="invoice",
            name="corrects",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="credit_notes",
                to="billing.invoice",
            ),
        ),
        migrations.AddField(
            model_name="invoice",
            name="credited_minor",
            field=models.BigIntegerField(default=0, editable=False),
        ),
        migrations.AddField(
            model_name="invoice",
            name="reason",
            field=models.CharField(blank=True, max_length=300),
        ),
        migrations.AddField(
            model_name="invoice",
            name="replaces",
            field=models.OneToOneField(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="replaced_by",
                to="billing.invoice",
            ),
        ),
        migrations.AddField(
            model_name="invoice",
            name="request_key",
            field=models.CharField(blank=True, max_length=40),
        ),
        migrations.AddField(
            model_name="invoiceline",
            name="credits",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="credited_by",
                to="billing.invoiceline",
            ),
        ),
        migrations.AddConstraint(
            model_name="invoice",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "paid"), _negated=True),
                    (
                        "total_minor__lte",
                        django.db.models.expressions.CombinedExpression(
                            models.F("paid_minor"), "+", models.F("credited_minor")
                        ),
                    ),
                    _connector="OR",
                ),
                name="invoice_paid_in_full",
            ),
        ),
        migrations.AddConstraint(
            model_name="invoice",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("credited_minor__gte", 0), ("credited_minor__lte", models.F("total_minor"))
                ),
                name="invoice_never_credited_beyond_its_total",
            ),
        ),
        migrations.AddConstraint(
            model_name="invoice",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("kind", "invoice"), ("state", "credited"), _negated=True),
                    ("credited_minor", models.F("total_minor")),
                    _connector="OR",
                ),
                name="invoice_credited_in_full",
            ),
        ),
        migrations.AddConstraint(
            model_name="invoice",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("corrects", None), ("kind", "invoice")),
                    models.Q(
                        ("corrects__isnull", False),
                        ("kind", "credit_note"),
                        ("reason__gt", ""),
                        ("total_minor__gt", 0),
                    ),
                    _connector="OR",
                ),
                name="invoice_credit_note_corrects_one_for_a_reason",
            ),
        ),
        migrations.AddConstraint(
            model_name="invoice",
            constraint=models.UniqueConstraint(
                condition=models.Q(("kind", "credit_note")),
                fields=("corrects", "request_key"),
                name="invoice_credit_note_once_per_request",
            ),
        ),
        migrations.AddConstraint(
            model_name="invoice",
            constraint=django.contrib.postgres.constraints.ExclusionConstraint(
                condition=models.Q(
                    ("kind", "invoice"),
                    models.Q(("state__in", ["discarded", "credited"]), _negated=True),
                ),
                expressions=[
                    ("contract", "="),
                    (
                        models.Func(
                            "period_start_at",
                            "period_end_at",
                            function="TSTZRANGE",
                            output_field=django.contrib.postgres.fields.ranges.DateTimeRangeField(),
                        ),
                        "&&",
                    ),
                ],
                name="invoice_periods_never_overlap",
            ),
        ),
        migrations.RunSQL(SQL, migrations.RunSQL.noop),
    ]
