"""The end of a journal is found by its index, however small the table was when it was first asked.

A session keeps the plan of a trigger: one made on an empty table reads the whole of a large one.
"""

from django.db import migrations

SQL = """
ALTER FUNCTION tenantry_chain_journal() SET enable_seqscan = off;
ALTER FUNCTION tenantry_chain_journal() SET enable_bitmapscan = off;
ALTER FUNCTION tenantry_chain_journal() SET enable_sort = off;
"""


class Migration(migrations.Migration):
    dependencies = [("erp", "0021_names_are_found")]
    operations = [migrations.RunSQL(SQL, migrations.RunSQL.noop)]
