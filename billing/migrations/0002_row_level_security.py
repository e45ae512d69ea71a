"""Lock the tables of what is owed, one organisation apart from the other."""

from django.db import migrations

SQL = """
SELECT tenantry_protect(name::regclass) FROM unnest(ARRAY[
    'billing_books', 'billing_account', 'billing_entry', 'billing_posting',
    'billing_ratingrun', 'billing_ratedline', 'billing_billedwindow',
    'billing_document', 'billing_series', 'billing_invoice', 'billing_invoiceline',
    'billing_billingrun', 'billing_runitem',
    'billing_receipt', 'billing_paymentallocation']) AS name;
SELECT tenantry_append_only(name::regclass) FROM unnest(ARRAY[
    'billing_account', 'billing_entry', 'billing_posting',
    'billing_ratingrun', 'billing_ratedline', 'billing_billedwindow',
    'billing_invoiceline', 'billing_paymentallocation']) AS name;
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0001_initial"), ("erp", "0003_row_level_security")]
    operations = [migrations.RunSQL(SQL, migrations.RunSQL.noop)]
