"""Many drafts are issued by one statement, in the order of their numbers, which are chained."""

from django.db import migrations

SQL = """
-- One after the other: the hash of each covers that of the one before it.
CREATE FUNCTION tenantry_issue_invoices(facts jsonb, at timestamptz) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE one record; moved integer := 0;
BEGIN
    FOR one IN SELECT * FROM jsonb_to_recordset(facts) AS fact(
        id bigint, number text, prefix text, year smallint, sequence integer, issued_on date,
        due_on date, document_id bigint) ORDER BY fact.year, fact.sequence
    LOOP
        UPDATE billing_invoice SET number = one.number, prefix = one.prefix, year = one.year,
            sequence = one.sequence, issued_at = at, issued_on = one.issued_on,
            due_on = one.due_on, document_id = one.document_id,
            state = 'issued', state_since = at, state_reason = ''
        WHERE id = one.id AND state = 'draft';
        moved := moved + FOUND::integer;
    END LOOP;
    RETURN moved;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0015_excess_is_freed")]
    operations = [migrations.RunSQL(SQL, migrations.RunSQL.noop)]
