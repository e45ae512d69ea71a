"""What was paid of an invoice that was credited since may be taken off it, and is found.

What an invoice billed is billed by the one that replaces it: later corrections name that one.
"""

from django.db import migrations, models
from django.db.models import F, Q

SQL = """
CREATE OR REPLACE FUNCTION tenantry_undo_allocation() RETURNS trigger
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
        WHERE id = OLD.invoice_id AND state IN ('issued', 'credited');
    IF NOT FOUND THEN
        RAISE EXCEPTION 'this payment cannot be taken off its invoice'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION tenantry_guard_billedwindow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR to_jsonb(OLD) - 'invoice_number'
        IS DISTINCT FROM to_jsonb(NEW) - 'invoice_number' THEN
        RAISE EXCEPTION 'what was billed stays billed' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

DROP TRIGGER append_only ON billing_billedwindow;
CREATE TRIGGER guard BEFORE UPDATE OR DELETE ON billing_billedwindow
    FOR EACH ROW EXECUTE FUNCTION tenantry_guard_billedwindow();
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0014_vat_numbers_are_confirmed")]

    operations = [
        migrations.AddIndex(
            model_name="invoice",
            index=models.Index(
                condition=Q(total_minor__lt=F("paid_minor") + F("credited_minor")),
                fields=["id"],
                name="invoice_paid_in_excess",
            ),
        ),
        migrations.RunSQL(SQL, migrations.RunSQL.noop),
    ]
