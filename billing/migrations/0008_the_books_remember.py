"""Numbers without a gap, a chain whose end is kept apart, locks by day, lettering that settles.

What was written before gets its day, its number and its document; nothing of it that the hash
covers changes.
"""

from django.db import migrations, models

PROTECT = """
SELECT tenantry_protect(name::regclass) FROM unnest(ARRAY[
    'billing_partaccount', 'billing_lettering', 'billing_deferral', 'billing_anchor']) AS name;
SELECT tenantry_append_only(name::regclass) FROM unnest(ARRAY[
    'billing_partaccount', 'billing_anchor']) AS name;
"""

BACKFILL = """
SET CONSTRAINTS ALL IMMEDIATE;
ALTER TABLE billing_entry DISABLE TRIGGER append_only;
ALTER TABLE billing_account DISABLE TRIGGER append_only;
ALTER TABLE billing_books DISABLE TRIGGER closes;
DROP TRIGGER append_only ON billing_posting;

UPDATE billing_entry e SET posted_on = (e.posted_at AT TIME ZONE o.time_zone)::date,
    recorded_at = e.posted_at
    FROM erp_organisation o WHERE o.id = e.organisation_id;
UPDATE billing_entry e SET fiscal_year = n.year, number = n.number FROM (
    SELECT id, extract(year FROM posted_on)::int AS year, row_number() OVER (
        PARTITION BY organisation_id, extract(year FROM posted_on), journal ORDER BY position
    ) AS number FROM billing_entry) n WHERE n.id = e.id;
UPDATE billing_account SET
    part = CASE WHEN code LIKE '411.%' THEN 'receivable' WHEN code LIKE '44571.%' THEN 'tax'
        WHEN code = '512' THEN 'bank' WHEN code = '706' THEN 'revenue' ELSE '' END,
    nature = CASE WHEN code LIKE '44571.%' THEN 'liability' WHEN code = '706' THEN 'income'
        ELSE 'asset' END;
UPDATE billing_account a SET party_id = o.id, debtor_number = n.number FROM (
    SELECT id, 9999 + row_number() OVER (PARTITION BY organisation_id ORDER BY id) AS number
    FROM billing_account WHERE part = 'receivable') n, erp_organisation o
    WHERE n.id = a.id AND o.reference = split_part(a.code, '.', 2);
UPDATE billing_entry e SET piece = i.number, piece_on = i.issued_on
    FROM billing_invoice i WHERE e.key = 'invoice:' || i.reference;
UPDATE billing_entry e SET piece = r.reference, piece_on = r.received_on
    FROM billing_receipt r WHERE e.key = 'payment:' || r.reference;
UPDATE billing_posting p SET currency = e.currency, posted_on = e.posted_on
    FROM billing_entry e WHERE e.id = p.entry_id;
UPDATE billing_posting p SET item = i.number, due_on = i.due_on
    FROM billing_entry e, billing_account a, billing_invoice i
    WHERE e.id = p.entry_id AND a.id = p.account_id AND a.part = 'receivable' AND (
        e.key = 'invoice:' || i.reference OR e.key IN (
            SELECT 'payment:' || r.reference FROM billing_receipt r
            JOIN billing_paymentallocation l ON l.receipt_id = r.id WHERE l.invoice_id = i.id));
UPDATE billing_posting p SET due_on = p.posted_on FROM billing_account a
    WHERE a.id = p.account_id AND a.part = 'receivable' AND p.due_on IS NULL;
INSERT INTO billing_books (organisation_id, chart, year_starts_month, last_position, last_hash)
    SELECT DISTINCT organisation_id, 'pcg', 1, 0, '' FROM billing_entry
    ON CONFLICT DO NOTHING;
UPDATE billing_books b SET last_position = e.position, last_hash = e.hash FROM billing_entry e
    WHERE e.organisation_id = b.organisation_id AND e.position = (
        SELECT max(position) FROM billing_entry WHERE organisation_id = b.organisation_id);

ALTER TABLE billing_entry ENABLE TRIGGER append_only;
ALTER TABLE billing_account ENABLE TRIGGER append_only;
ALTER TABLE billing_books ENABLE TRIGGER closes;
"""

FUNCTIONS = """
-- What came with the depth is covered where it is said; older hashes stay what they were.
CREATE OR REPLACE FUNCTION tenantry_entry_hash(entry billing_entry) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT encode(sha256(convert_to((jsonb_build_array(
        entry.organisation_id, entry.position, entry.key, entry.journal, entry.currency,
        extract(epoch FROM entry.posted_at), entry.description, entry.amounts,
        entry.previous_hash) || CASE WHEN entry.recorded_at = entry.posted_at THEN '[]'::jsonb
        ELSE jsonb_build_array(entry.posted_on, entry.fiscal_year, entry.number, entry.piece,
            entry.piece_on, entry.reverses_id, extract(epoch FROM entry.recorded_at)) END
        )::text, 'UTF8')), 'hex')
$$;

CREATE OR REPLACE FUNCTION tenantry_chain_entry() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
DECLARE last billing_entry; books billing_books;
BEGIN
    PERFORM pg_advisory_xact_lock(7002, NEW.organisation_id::int);
    SELECT * INTO books FROM billing_books WHERE organisation_id = NEW.organisation_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'organisation % has no books', NEW.organisation_id
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF coalesce(NEW.posted_on < greatest(books.locked_before_on, books.soft_locked_before_on),
                false) THEN
        RAISE EXCEPTION 'the books are closed on %', NEW.posted_on
            USING ERRCODE = 'restrict_violation';
    END IF;
    SELECT * INTO last FROM billing_entry
        WHERE organisation_id = NEW.organisation_id ORDER BY position DESC LIMIT 1;
    NEW.position := coalesce(last.position, 0) + 1;
    NEW.previous_hash := coalesce(last.hash, '');
    NEW.recorded_at := clock_timestamp();
    NEW.fiscal_year := extract(year FROM NEW.posted_on)::int
        - (extract(month FROM NEW.posted_on) < books.year_starts_month)::int;
    NEW.number := 1 + coalesce((SELECT max(number) FROM billing_entry
        WHERE organisation_id = NEW.organisation_id AND fiscal_year = NEW.fiscal_year
        AND journal = NEW.journal), 0);
    NEW.hash := tenantry_entry_hash(NEW);
    RETURN NEW;
END $$;

-- The end of the chain is known apart from the chain.
CREATE FUNCTION tenantry_remember_entry() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
    UPDATE billing_books SET last_position = NEW.position, last_hash = NEW.hash
        WHERE organisation_id = NEW.organisation_id;
    RETURN NULL;
END $$;

CREATE TRIGGER remembered AFTER INSERT ON billing_entry
    FOR EACH ROW EXECUTE FUNCTION tenantry_remember_entry();

-- At the commit every touched entry sums to zero and says what its postings say.
CREATE OR REPLACE FUNCTION tenantry_check_entry() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
DECLARE checked billing_entry; total numeric; legs jsonb; strange bigint;
BEGIN
    SELECT * INTO checked FROM billing_entry WHERE id = CASE
        WHEN TG_TABLE_NAME = 'billing_entry' THEN NEW.id
        ELSE (to_jsonb(NEW)->>'entry_id')::bigint END;
    SELECT coalesce(sum(p.minor), 0), coalesce(jsonb_object_agg(a.code, p.minor), '{}'::jsonb),
           count(*) FILTER (WHERE (p.organisation_id, a.organisation_id, p.currency, p.posted_on)
               IS DISTINCT FROM (checked.organisation_id, checked.organisation_id,
                                 checked.currency, checked.posted_on))
        INTO total, legs, strange
        FROM billing_posting p JOIN billing_account a ON a.id = p.account_id
        WHERE p.entry_id = checked.id;
    IF total <> 0 OR strange > 0 OR legs = '{}'::jsonb
        OR legs IS DISTINCT FROM checked.amounts THEN
        RAISE EXCEPTION 'entry % does not balance: %', checked.id, total
            USING ERRCODE = 'check_violation';
    END IF;
    IF checked.reverses_id IS NOT NULL AND legs IS DISTINCT FROM (
        SELECT jsonb_object_agg(leg.key, -leg.value::bigint) FROM billing_entry e,
            jsonb_each_text(e.amounts) leg
        WHERE e.id = checked.reverses_id AND e.organisation_id = checked.organisation_id
          AND e.currency = checked.currency AND e.reverses_id IS NULL) THEN
        RAISE EXCEPTION 'entry % is not the negative of what it reverses', checked.id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;

-- Books close further and never open again but for the soft lock; a chart stays once it is used.
CREATE OR REPLACE FUNCTION tenantry_close_books() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR NEW.organisation_id <> OLD.organisation_id
        OR coalesce(NEW.locked_before_on < OLD.locked_before_on, NEW.locked_before_on IS NULL
                    AND OLD.locked_before_on IS NOT NULL) THEN
        RAISE EXCEPTION 'books never open again' USING ERRCODE = 'restrict_violation';
    END IF;
    IF OLD.last_position > 0 AND (NEW.chart, NEW.year_starts_month)
        IS DISTINCT FROM (OLD.chart, OLD.year_starts_month) THEN
        RAISE EXCEPTION 'the chart stays once it is used' USING ERRCODE = 'restrict_violation';
    END IF;
    IF (NEW.last_position, NEW.last_hash) IS DISTINCT FROM (OLD.last_position, OLD.last_hash)
        AND NOT EXISTS (SELECT FROM billing_entry e WHERE e.organisation_id = NEW.organisation_id
            AND e.position = NEW.last_position AND e.hash = NEW.last_hash
            AND e.position = OLD.last_position + 1) THEN
        RAISE EXCEPTION 'the end of the chain is its newest entry'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

-- A posting is never changed, but it may be settled, and opened again.
CREATE FUNCTION tenantry_letter_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE'
        OR to_jsonb(OLD) - 'lettering_id' IS DISTINCT FROM to_jsonb(NEW) - 'lettering_id'
        OR (OLD.lettering_id IS NOT NULL AND NEW.lettering_id IS NOT NULL) THEN
        RAISE EXCEPTION 'billing_posting is never changed: record a new one'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER letter_only BEFORE UPDATE OR DELETE ON billing_posting
    FOR EACH ROW EXECUTE FUNCTION tenantry_letter_only();

-- At the commit what bears one code is of one account and currency and sums to zero.
CREATE FUNCTION tenantry_check_lettering() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
    IF EXISTS (
        SELECT FROM billing_posting p JOIN billing_lettering l ON l.id = p.lettering_id
        WHERE l.id IN (OLD.lettering_id, NEW.lettering_id)
        GROUP BY l.id HAVING sum(p.minor) <> 0 OR min(p.currency) <> max(p.currency)
            OR min(p.account_id) <> l.account_id OR max(p.account_id) <> l.account_id
            OR l.undone_at IS NOT NULL) THEN
        RAISE EXCEPTION 'lettering % does not settle', NEW.lettering_id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER settles AFTER UPDATE ON billing_posting
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION tenantry_check_lettering();

CREATE FUNCTION tenantry_guard_lettering() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR OLD.undone_at IS NOT NULL
        OR to_jsonb(OLD) - ARRAY['undone_at', 'undone_by']
           IS DISTINCT FROM to_jsonb(NEW) - ARRAY['undone_at', 'undone_by'] THEN
        RAISE EXCEPTION 'letterings are undone, never changed' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER guard BEFORE UPDATE OR DELETE ON billing_lettering
    FOR EACH ROW EXECUTE FUNCTION tenantry_guard_lettering();

CREATE FUNCTION tenantry_release_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR OLD.released_by_id IS NOT NULL
        OR to_jsonb(OLD) - 'released_by_id' IS DISTINCT FROM to_jsonb(NEW) - 'released_by_id' THEN
        RAISE EXCEPTION 'deferrals are released once, never changed'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER guard BEFORE UPDATE OR DELETE ON billing_deferral
    FOR EACH ROW EXECUTE FUNCTION tenantry_release_once();
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0007_books_in_depth")]
    operations = [
        migrations.RunSQL(PROTECT, migrations.RunSQL.noop),
        migrations.RunSQL(BACKFILL, migrations.RunSQL.noop),
        migrations.RunSQL(FUNCTIONS, migrations.RunSQL.noop),
        migrations.AddConstraint(
            model_name="entry",
            constraint=models.UniqueConstraint(
                fields=["organisation", "fiscal_year", "journal", "number"],
                name="entry_number_once",
            ),
        ),
    ]
