"""What is written together is checked together: entries and postings of one statement at once.

The laws stay. Postings of an entry come by one statement, which is refused when it does not say
what the entry says; an entry without postings is refused at the commit, as before.
"""

from django.db import migrations

SQL = """
-- Plans that a session keeps read by an index, however small the tables were when it first asked.
ALTER FUNCTION tenantry_chain_entry() SET enable_seqscan = off;
ALTER FUNCTION tenantry_chain_entry() SET enable_bitmapscan = off;
ALTER FUNCTION tenantry_chain_entry() SET enable_sort = off;
ALTER FUNCTION tenantry_guard_invoice() SET enable_seqscan = off;
ALTER FUNCTION tenantry_guard_invoice() SET enable_bitmapscan = off;
ALTER FUNCTION tenantry_guard_invoice() SET enable_sort = off;

-- Each statement with postings leaves every entry that it touches saying what its postings say.
CREATE FUNCTION tenantry_check_postings() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
DECLARE wrong record;
BEGIN
    SELECT e.id, coalesce(sum(p.minor), 0) AS total INTO wrong
    FROM (SELECT DISTINCT entry_id FROM written) w
    JOIN billing_entry e ON e.id = w.entry_id
    JOIN billing_posting p ON p.entry_id = e.id
    JOIN billing_account a ON a.id = p.account_id
    GROUP BY e.id
    HAVING sum(p.minor) <> 0 OR jsonb_object_agg(a.code, p.minor) IS DISTINCT FROM e.amounts
        OR bool_or((p.organisation_id, a.organisation_id, p.currency, p.posted_on)
            IS DISTINCT FROM (e.organisation_id, e.organisation_id, e.currency, e.posted_on))
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'entry % does not balance: %', wrong.id, wrong.total
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;

DROP TRIGGER balances ON billing_posting;
CREATE TRIGGER balances AFTER INSERT ON billing_posting REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION tenantry_check_postings();

-- At the commit an entry has postings, which were checked; a reversal is the negative of one.
CREATE OR REPLACE FUNCTION tenantry_check_entry() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public SET enable_seqscan = off AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM billing_posting WHERE entry_id = NEW.id) THEN
        RAISE EXCEPTION 'entry % does not balance: it has no postings', NEW.id
            USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.reverses_id IS NOT NULL AND NEW.amounts IS DISTINCT FROM (
        SELECT jsonb_object_agg(leg.key, -leg.value::bigint) FROM billing_entry e,
            jsonb_each_text(e.amounts) leg
        WHERE e.id = NEW.reverses_id AND e.organisation_id = NEW.organisation_id
          AND e.currency = NEW.currency AND e.reverses_id IS NULL) THEN
        RAISE EXCEPTION 'entry % is not the negative of what it reverses', NEW.id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;

-- The end of the chain is known apart from the chain, once per statement.
CREATE OR REPLACE FUNCTION tenantry_remember_entry() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
    UPDATE billing_books b SET last_position = newest.position, last_hash = newest.hash
    FROM (SELECT DISTINCT ON (organisation_id) organisation_id, position, hash FROM written
          ORDER BY organisation_id, position DESC) newest
    WHERE b.organisation_id = newest.organisation_id;
    RETURN NULL;
END $$;

DROP TRIGGER remembered ON billing_entry;
CREATE TRIGGER remembered AFTER INSERT ON billing_entry REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION tenantry_remember_entry();

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
        AND (NEW.last_position <= OLD.last_position OR NOT EXISTS (
            SELECT FROM billing_entry e WHERE e.organisation_id = NEW.organisation_id
            AND e.position = NEW.last_position AND e.hash = NEW.last_hash)
        -- From the end that was known to the new one none is missing.
        OR (SELECT count(*) FROM billing_entry e WHERE e.organisation_id = NEW.organisation_id
            AND e.position > OLD.last_position) <> NEW.last_position - OLD.last_position) THEN
        RAISE EXCEPTION 'the end of the chain is its newest entry'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0024_numbers_that_were_lost")]
    operations = [migrations.RunSQL(SQL, migrations.RunSQL.noop)]
