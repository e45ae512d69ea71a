"""The second lock: PostgreSQL shows a session only the rows of the organisations it speaks for.

`tenantry.scope` is empty (nothing), `all` (tasks and commands), or keys of organisations. The
functions below are what the migrations of every app call for each new table.
"""

from django.db import migrations

FUNCTIONS = """
CREATE FUNCTION tenantry_sees_all() RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT coalesce(current_setting('tenantry.scope', true), '') = 'all'
$$;

CREATE FUNCTION tenantry_roots() RETURNS SETOF bigint LANGUAGE sql STABLE AS $$
    SELECT key::bigint
    FROM regexp_split_to_table(coalesce(current_setting('tenantry.scope', true), ''), ',') AS key
    WHERE key ~ '^[0-9]+$'
$$;

-- The organisations in scope with all below them.
CREATE FUNCTION tenantry_organisations() RETURNS SETOF bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public AS $$
    SELECT below.id
    FROM erp_organisation root
    JOIN erp_organisation below ON starts_with(below.path, root.path)
    WHERE root.id IN (SELECT tenantry_roots())
$$;

-- The same with all above them: whose offers and prices they may read.
CREATE FUNCTION tenantry_organisations_and_sellers() RETURNS SETOF bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public AS $$
    SELECT other.id
    FROM erp_organisation root
    JOIN erp_organisation other
      ON starts_with(other.path, root.path) OR starts_with(root.path, other.path)
    WHERE root.id IN (SELECT tenantry_roots())
$$;

-- Lock a table whose rows belong to the organisation in `column_name`.
CREATE FUNCTION tenantry_protect(table_name regclass, column_name text DEFAULT 'organisation_id')
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', table_name);
    EXECUTE format(
        'CREATE POLICY tenant ON %s USING ((SELECT tenantry_sees_all())'
        ' OR %I IN (SELECT tenantry_organisations()))',
        table_name, column_name);
END $$;

-- Let customers also read what the organisations above them offer.
CREATE FUNCTION tenantry_show_to_customers(table_name regclass, column_name text)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format(
        'CREATE POLICY sold ON %s FOR SELECT'
        ' USING (%I IN (SELECT tenantry_organisations_and_sellers()))',
        table_name, column_name);
END $$;

CREATE FUNCTION tenantry_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is never changed: record a new one', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$;

-- Rows are written once.
CREATE FUNCTION tenantry_append_only(table_name regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format(
        'CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON %s'
        ' FOR EACH ROW EXECUTE FUNCTION tenantry_refuse()', table_name);
END $$;

-- The journal's chain, one per organisation; the lock makes writers of one chain take turns.
CREATE FUNCTION tenantry_chain_journal() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
DECLARE last erp_journalline;
BEGIN
    PERFORM pg_advisory_xact_lock(7001, NEW.organisation_id::int);
    SELECT * INTO last FROM erp_journalline
        WHERE organisation_id = NEW.organisation_id ORDER BY position DESC LIMIT 1;
    NEW.position := coalesce(last.position, 0) + 1;
    NEW.previous_hash := coalesce(last.hash, '');
    NEW.hash := tenantry_journal_hash(NEW);
    RETURN NEW;
END $$;

CREATE FUNCTION tenantry_journal_hash(line erp_journalline) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT encode(sha256(convert_to(jsonb_build_array(
        line.organisation_id, line.position, line.subject_kind, line.subject_reference,
        extract(epoch FROM line.at), line.by, line.event, line.why, line.details,
        line.previous_hash)::text, 'UTF8')), 'hex')
$$;

CREATE TRIGGER chain BEFORE INSERT ON erp_journalline
    FOR EACH ROW EXECUTE FUNCTION tenantry_chain_journal();
"""

TENANT_TABLES = """
SELECT tenantry_protect('erp_organisation', 'id');
CREATE POLICY join_the_tree ON erp_organisation FOR INSERT
    WITH CHECK (parent_id IN (SELECT tenantry_organisations()));
SELECT tenantry_show_to_customers('erp_organisation', 'id');
SELECT tenantry_protect(name::regclass) FROM unnest(ARRAY[
    'erp_member', 'erp_offer', 'erp_plan', 'erp_pricelist', 'erp_price', 'erp_order',
    'erp_contract', 'erp_contractline', 'erp_lineprice', 'erp_ticket', 'erp_message',
    'erp_journalline']) AS name;
SELECT tenantry_show_to_customers(name::regclass, 'organisation_id') FROM unnest(ARRAY[
    'erp_offer', 'erp_plan', 'erp_pricelist', 'erp_price']) AS name;
SELECT tenantry_append_only('erp_journalline');
SELECT tenantry_append_only('erp_message');
"""


class Migration(migrations.Migration):
    dependencies = [("erp", "0002_initial")]
    operations = [
        migrations.RunSQL(FUNCTIONS, migrations.RunSQL.noop),
        migrations.RunSQL(TENANT_TABLES, migrations.RunSQL.noop),
    ]
