"""Lock the tables of what runs; samples are written once."""

from django.db import migrations

SQL = """
SELECT tenantry_protect(name::regclass) FROM unnest(ARRAY[
    'orchestration_computenode', 'orchestration_computepartition', 'orchestration_enrolmentstep',
    'orchestration_nodelease', 'orchestration_softwarerelease', 'orchestration_releaseonnode',
    'orchestration_instance', 'orchestration_convergencepass', 'orchestration_sample']) AS name;
SELECT tenantry_show_to_customers('orchestration_softwarerelease', 'organisation_id');
SELECT tenantry_append_only('orchestration_sample');
"""


class Migration(migrations.Migration):
    dependencies = [
        ("orchestration", "0001_initial"),
        ("erp", "0003_row_level_security"),
    ]
    operations = [migrations.RunSQL(SQL, migrations.RunSQL.noop)]
