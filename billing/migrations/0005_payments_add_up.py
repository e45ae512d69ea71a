"""What is allocated adds up on the receipt and on the invoice, whose checks refuse too much."""

from django.db import migrations

SQL = """
CREATE FUNCTION tenantry_add_allocation() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
    UPDATE billing_receipt SET allocated_minor = allocated_minor + NEW.minor
        WHERE id = NEW.receipt_id;
    UPDATE billing_invoice SET paid_minor = paid_minor + NEW.minor
        FROM billing_receipt r
        WHERE billing_invoice.id = NEW.invoice_id AND billing_invoice.state = 'issued'
          AND r.id = NEW.receipt_id AND r.currency = billing_invoice.currency
          AND r.issuer_id = billing_invoice.issuer_id
          AND r.organisation_id = billing_invoice.organisation_id
          AND NEW.organisation_id = r.organisation_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'this receipt cannot pay that invoice'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER adds_up AFTER INSERT ON billing_paymentallocation
    FOR EACH ROW EXECUTE FUNCTION tenantry_add_allocation();

CREATE FUNCTION tenantry_guard_receipt() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE'
        OR to_jsonb(OLD) - 'allocated_minor' IS DISTINCT FROM to_jsonb(NEW) - 'allocated_minor' THEN
        RAISE EXCEPTION 'receipts are never changed' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER guard BEFORE UPDATE OR DELETE ON billing_receipt
    FOR EACH ROW EXECUTE FUNCTION tenantry_guard_receipt();
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0004_issued_invoices_stay")]
    operations = [migrations.RunSQL(SQL, migrations.RunSQL.noop)]
