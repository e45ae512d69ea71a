"""Issued invoices, their lines and documents never change, and are chained per series."""

from django.db import migrations

SQL = """
CREATE FUNCTION tenantry_invoice_hash(invoice billing_invoice) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public AS $$
    SELECT encode(sha256(convert_to(jsonb_build_array(
        invoice.issuer_id, invoice.organisation_id, invoice.contract_id, invoice.kind,
        invoice.number, invoice.issued_on, invoice.due_on, invoice.currency,
        invoice.net_minor, invoice.tax_minor, invoice.total_minor, invoice.taxes,
        extract(epoch FROM invoice.period_start_at), extract(epoch FROM invoice.period_end_at),
        (SELECT snapshot_sha256 FROM billing_document WHERE id = invoice.document_id),
        invoice.previous_hash)::text, 'UTF8')), 'hex')
$$;

-- What may still move after the issue.
CREATE FUNCTION tenantry_frozen_part(invoice billing_invoice) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT to_jsonb(invoice) - ARRAY['state', 'state_since', 'state_reason', 'paid_minor']
$$;

-- A draft changes nothing but by being issued or discarded; what is issued is chained once.
CREATE FUNCTION tenantry_guard_invoice() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
DECLARE last billing_invoice;
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'invoices are never deleted' USING ERRCODE = 'restrict_violation';
    END IF;
    IF OLD.state = 'draft' AND NEW.state = 'issued' THEN
        SELECT * INTO last FROM billing_invoice
            WHERE issuer_id = NEW.issuer_id AND prefix = NEW.prefix AND sequence IS NOT NULL
            ORDER BY year DESC, sequence DESC LIMIT 1;
        NEW.previous_hash := coalesce(last.hash, '');
        NEW.hash := tenantry_invoice_hash(NEW);
        IF (NEW.net_minor, NEW.tax_minor, NEW.total_minor, NEW.taxes, NEW.contract_id,
            NEW.organisation_id, NEW.issuer_id, NEW.rating_run_id, NEW.currency)
            IS DISTINCT FROM
           (OLD.net_minor, OLD.tax_minor, OLD.total_minor, OLD.taxes, OLD.contract_id,
            OLD.organisation_id, OLD.issuer_id, OLD.rating_run_id, OLD.currency)
            OR NEW.net_minor <> (SELECT coalesce(sum(net_minor), 0) FROM billing_invoiceline
                                 WHERE invoice_id = NEW.id) THEN
            RAISE EXCEPTION 'an invoice is issued as it was drafted'
                USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF tenantry_frozen_part(OLD) IS DISTINCT FROM tenantry_frozen_part(NEW) THEN
        RAISE EXCEPTION 'invoice % is frozen', OLD.reference
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER guard BEFORE UPDATE OR DELETE ON billing_invoice
    FOR EACH ROW EXECUTE FUNCTION tenantry_guard_invoice();

CREATE FUNCTION tenantry_lines_of_drafts() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
    IF (SELECT state FROM billing_invoice WHERE id = NEW.invoice_id) IS DISTINCT FROM 'draft' THEN
        RAISE EXCEPTION 'lines are written with the draft' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER of_drafts BEFORE INSERT ON billing_invoiceline
    FOR EACH ROW EXECUTE FUNCTION tenantry_lines_of_drafts();

-- The bytes match their hashes, whoever wrote them.
ALTER TABLE billing_document ADD CONSTRAINT document_pdf_matches_its_hash
    CHECK (pdf IS NULL OR encode(sha256(pdf), 'hex') = pdf_sha256);
ALTER TABLE billing_document ADD CONSTRAINT document_xml_matches_its_hash
    CHECK (xml IS NULL OR encode(sha256(xml), 'hex') = xml_sha256);

CREATE FUNCTION tenantry_guard_document() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR OLD.state = 'stored'
        OR (NEW.snapshot, NEW.snapshot_sha256, NEW.organisation_id, NEW.title)
           IS DISTINCT FROM (OLD.snapshot, OLD.snapshot_sha256, OLD.organisation_id, OLD.title) THEN
        RAISE EXCEPTION 'document % is frozen', OLD.reference
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER guard BEFORE UPDATE OR DELETE ON billing_document
    FOR EACH ROW EXECUTE FUNCTION tenantry_guard_document();
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0003_the_books_hold")]
    operations = [migrations.RunSQL(SQL, migrations.RunSQL.noop)]
