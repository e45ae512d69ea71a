"""Let an organisation see its new child in the statement that inserts it.

`tenantry_organisations` reads the tree as it was when the statement began: the new row is not in
it yet, and INSERT … RETURNING was refused. What becomes visible was visible one statement later.
"""

from django.db import migrations

POLICY = """
CREATE POLICY born_in_the_tree ON erp_organisation FOR SELECT
    USING (parent_id IN (SELECT tenantry_organisations()));
"""


class Migration(migrations.Migration):
    dependencies = [("erp", "0004_messages_once_per_key")]
    operations = [
        migrations.RunSQL(POLICY, "DROP POLICY born_in_the_tree ON erp_organisation"),
    ]
