"""The ledger refuses what must never be: unbalanced entries, a broken chain, a closed period.

All functions run as their owner: a law holds for every row, whatever the session may see.
"""

from django.db import migrations

SQL = """
CREATE FUNCTION tenantry_entry_hash(entry billing_entry) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT encode(sha256(convert_to(jsonb_build_array(
        entry.organisation_id, entry.position, entry.key, entry.journal, entry.currency,
        extract(epoch FROM entry.posted_at), entry.description, entry.amounts,
        entry.previous_hash)::text, 'UTF8')), 'hex')
$$;

-- The chain of one organisation's books; the lock makes its writers take turns.
CREATE FUNCTION tenantry_chain_entry() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
DECLARE last billing_entry;
BEGIN
    PERFORM pg_advisory_xact_lock(7002, NEW.organisation_id::int);
    IF EXISTS (SELECT FROM billing_books WHERE organisation_id = NEW.organisation_id
               AND locked_before_at > NEW.posted_at) THEN
        RAISE EXCEPTION 'the books are closed at %', NEW.posted_at
            USING ERRCODE = 'restrict_violation';
    END IF;
    SELECT * INTO last FROM billing_entry
        WHERE organisation_id = NEW.organisation_id ORDER BY position DESC LIMIT 1;
    NEW.position := coalesce(last.position, 0) + 1;
    NEW.previous_hash := coalesce(last.hash, '');
    NEW.hash := tenantry_entry_hash(NEW);
    RETURN NEW;
END $$;

CREATE TRIGGER chain BEFORE INSERT ON billing_entry
    FOR EACH ROW EXECUTE FUNCTION tenantry_chain_entry();

-- At the commit every touched entry sums to zero and says what its postings say.
CREATE FUNCTION tenantry_check_entry() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
DECLARE checked bigint; total numeric; legs jsonb;
BEGIN
    IF TG_TABLE_NAME = 'billing_entry' THEN checked := NEW.id; ELSE checked := NEW.entry_id; END IF;
    SELECT coalesce(sum(p.minor), 0),
           coalesce(jsonb_object_agg(a.code, p.minor), '{}'::jsonb)
        INTO total, legs
        FROM billing_posting p JOIN billing_account a ON a.id = p.account_id
        WHERE p.entry_id = checked AND p.organisation_id = a.organisation_id;
    IF total <> 0 OR legs = '{}'::jsonb
        OR legs IS DISTINCT FROM (SELECT amounts FROM billing_entry WHERE id = checked)
        OR EXISTS (SELECT FROM billing_posting p JOIN billing_entry e ON e.id = p.entry_id
                   WHERE p.entry_id = checked AND p.organisation_id <> e.organisation_id) THEN
        RAISE EXCEPTION 'entry % does not balance: %', checked, total
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER balances AFTER INSERT ON billing_entry
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION tenantry_check_entry();
CREATE CONSTRAINT TRIGGER balances AFTER INSERT ON billing_posting
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION tenantry_check_entry();

-- Books close further and never open again.
CREATE FUNCTION tenantry_close_books() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR NEW.organisation_id <> OLD.organisation_id
        OR coalesce(NEW.locked_before_at < OLD.locked_before_at, NEW.locked_before_at IS NULL
                    AND OLD.locked_before_at IS NOT NULL) THEN
        RAISE EXCEPTION 'books never open again' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER closes BEFORE UPDATE OR DELETE ON billing_books
    FOR EACH ROW EXECUTE FUNCTION tenantry_close_books();
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0002_row_level_security")]
    operations = [migrations.RunSQL(SQL, migrations.RunSQL.noop)]
