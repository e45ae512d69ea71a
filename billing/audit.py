"""Conservation laws of what is owed; each returns what breaks it, in words.

The database refuses most of this already by constraints and triggers: the audit looks again from
outside, as a restored backup or a mistake in a trigger needs.
"""

from collections.abc import Callable, Mapping
from functools import partial
from hashlib import sha256

from django.db import connection

from billing.documents.models import Document
from billing.documents.services import hash_of

MOST = 20

# Each law is a statement that returns one sentence per violation.
_ENTRIES_BALANCE = """
SELECT 'entry ' || e.key || ' sums to ' || sum(p.minor)
FROM billing_entry e JOIN billing_posting p ON p.entry_id = e.id
GROUP BY e.id HAVING sum(p.minor) <> 0
UNION ALL
SELECT 'entry ' || e.key || ' breaks the chain of its books' FROM (
    SELECT entry.*, tenantry_entry_hash(entry) AS right_hash,
        lag(hash, 1, '') OVER chain AS hash_before, row_number() OVER chain AS right_position
    FROM billing_entry entry WINDOW chain AS (PARTITION BY organisation_id ORDER BY position)
) e WHERE e.hash <> e.right_hash OR e.previous_hash <> e.hash_before
    OR e.position <> e.right_position
LIMIT %s
"""
_TOTALS_ADD_UP = """
SELECT 'invoice ' || i.reference || ' is not the sum of its lines and tax'
FROM billing_invoice i
WHERE i.total_minor <> i.net_minor + i.tax_minor
   OR i.net_minor <> (SELECT coalesce(sum(l.net_minor), 0) FROM billing_invoiceline l
                      WHERE l.invoice_id = i.id)
   OR i.tax_minor <> (SELECT coalesce(sum((t->>'tax_minor')::bigint), 0)
                      FROM jsonb_array_elements(i.taxes) t)
UNION ALL
SELECT 'invoice ' || i.reference || ' and its credit notes differ' FROM billing_invoice i
WHERE i.credited_minor <> (SELECT coalesce(sum(n.total_minor), 0) FROM billing_invoice n
                           WHERE n.corrects_id = i.id AND n.number <> '')
LIMIT %s
"""
# What people book by hand or bring in as opening balances is no document of ours.
_RECEIVABLES_AGREE = """
WITH owed AS (
    SELECT issuer_id, organisation_id, currency, sum(minor) AS minor FROM (
        SELECT issuer_id, organisation_id, currency,
            total_minor - paid_minor - credited_minor AS minor
        FROM billing_invoice WHERE number <> '' AND kind = 'invoice'
        UNION ALL
        SELECT issuer_id, organisation_id, currency, minor - paid_minor - waived_minor
        FROM billing_fee) claims GROUP BY 1, 2, 3
), booked AS (
    SELECT e.organisation_id AS issuer_id, a.party_id AS organisation_id, e.currency,
        sum(p.minor) AS minor
    FROM billing_posting p JOIN billing_entry e ON e.id = p.entry_id
    JOIN billing_account a ON a.id = p.account_id
    WHERE a.part = 'receivable' AND e.key NOT LIKE 'manual:%%' AND e.key NOT LIKE 'opening:%%'
    GROUP BY 1, 2, 3
)
SELECT 'organisation ' || organisation_id || ' owes ' || coalesce(owed.minor, 0)
    || ' by its invoices and ' || coalesce(booked.minor, 0) || ' by the books'
FROM owed FULL JOIN booked USING (issuer_id, organisation_id, currency)
WHERE coalesce(owed.minor, 0) <> coalesce(booked.minor, 0)
UNION ALL
SELECT 'invoice ' || i.reference || ' has no entry of its total' FROM billing_invoice i
WHERE i.state IN ('issued', 'paid', 'credited') AND i.total_minor <> 0 AND NOT EXISTS (
    SELECT FROM billing_entry e JOIN billing_posting p ON p.entry_id = e.id
    JOIN billing_account a ON a.id = p.account_id
    WHERE e.organisation_id = i.issuer_id AND e.key = 'invoice:' || i.reference
      AND a.party_id = i.organisation_id
      AND p.minor = CASE i.kind WHEN 'credit_note' THEN -i.total_minor ELSE i.total_minor END)
LIMIT %s
"""
_WINDOWS_ARE_BILLED_ONCE = """
SELECT 'line ' || a.line_id || ' ' || a.meter || ' is billed twice: ' || a.invoice_number
    || ', ' || b.invoice_number
FROM billing_billedwindow a JOIN billing_billedwindow b
  ON b.line_id = a.line_id AND b.kind = a.kind AND b.meter = a.meter AND b.part = a.part
 AND b.organisation_id = a.organisation_id
 AND b.id > a.id
 AND NOT a.is_correction AND NOT b.is_correction
 AND tstzrange(a.starts_at, a.ends_at) && tstzrange(b.starts_at, b.ends_at)
UNION ALL
SELECT 'rated line ' || r.id || ' is on invoice ' || i.number || ' and not marked as billed'
FROM billing_ratedline r JOIN billing_invoice i ON i.rating_run_id = r.run_id
WHERE i.number <> ''
  AND NOT EXISTS (SELECT FROM billing_billedwindow w WHERE w.rated_line_id = r.id)
LIMIT %s
"""
_NUMBERS_HAVE_NO_GAP = """
SELECT 'number ' || number || ' of issuer ' || issuer_id || ' does not follow the one before it'
FROM (
    SELECT i.*, row_number() OVER series AS right_sequence,
        lag(issued_on) OVER series AS date_before
    FROM billing_invoice i WHERE number <> ''
    WINDOW series AS (PARTITION BY issuer_id, prefix, year ORDER BY sequence)
) n WHERE issued_on < date_before OR sequence <> right_sequence + (
    SELECT count(*) FROM billing_lostnumber l WHERE l.organisation_id = n.issuer_id
        AND l.prefix = n.prefix AND l.year = n.year AND l.sequence < n.sequence)
UNION ALL
SELECT 'invoice ' || number || ' breaks the chain of its issuer' FROM (
    SELECT i.*, tenantry_invoice_hash(i) AS right_hash, lag(hash, 1, '') OVER chain AS hash_before
    FROM billing_invoice i WHERE number <> ''
    WINDOW chain AS (PARTITION BY issuer_id, prefix ORDER BY year, sequence)
) c WHERE hash <> right_hash OR previous_hash <> hash_before
LIMIT %s
"""
_ONE_INVOICE_PER_PERIOD = """
SELECT 'contract ' || contract_id || ' has ' || count(*) || ' invoices from ' || period_start_at
FROM billing_invoice WHERE state NOT IN ('discarded', 'credited') AND kind = 'invoice'
GROUP BY contract_id, period_start_at HAVING count(*) > 1
LIMIT %s
"""
_PAYMENTS_HAVE_ONE_ENTRY = """
SELECT 'receipt ' || r.reference || ' has no entry of its amount'
FROM billing_receipt r
WHERE NOT EXISTS (SELECT FROM billing_entry e JOIN billing_posting p ON p.entry_id = e.id
    JOIN billing_account a ON a.id = p.account_id WHERE e.organisation_id = r.issuer_id
    AND e.key = 'payment:' || r.reference AND p.minor = r.amount_minor
    AND a.part = CASE r.method WHEN 'write_off' THEN 'write_off' WHEN 'charges' THEN 'bank_charges'
        WHEN 'sepa' THEN 'transit' ELSE 'bank' END)
UNION ALL
SELECT 'receipt ' || r.reference || ' and its allocations differ'
FROM billing_receipt r WHERE r.allocated_minor <> (SELECT coalesce(sum(a.minor), 0)
    FROM billing_paymentallocation a WHERE a.receipt_id = r.id AND a.undone_at IS NULL)
    + (SELECT coalesce(sum(f.minor), 0) FROM billing_feepayment f
       WHERE f.receipt_id = r.id AND f.undone_at IS NULL)
UNION ALL
SELECT 'fee ' || h.reference || ' and the payments of it differ' FROM billing_fee h
WHERE h.paid_minor <> (SELECT coalesce(sum(f.minor), 0) FROM billing_feepayment f
    WHERE f.fee_id = h.id AND f.undone_at IS NULL)
UNION ALL
SELECT 'receipt ' || r.reference || ' and its payouts differ'
FROM billing_receipt r WHERE r.paid_out_minor <> (SELECT coalesce(sum(x.minor), 0)
    FROM billing_payout x WHERE x.receipt_id = r.id)
UNION ALL
SELECT 'payout ' || x.reference || ' has no entry of its amount' FROM billing_payout x
JOIN billing_receipt r ON r.id = x.receipt_id
WHERE NOT EXISTS (SELECT FROM billing_entry e JOIN billing_posting p ON p.entry_id = e.id
    JOIN billing_account a ON a.id = p.account_id WHERE e.organisation_id = r.issuer_id
    AND e.key = 'payout:' || x.reference AND p.minor = -x.minor
    AND a.part = ANY(CASE WHEN x.kind IN ('transfer', 'refused') THEN ARRAY['transit']
        WHEN x.kind = 'expired' THEN ARRAY['expired', 'fee'] ELSE ARRAY['bank'] END))
UNION ALL
SELECT 'invoice ' || i.reference || ' and the payments of it differ'
FROM billing_invoice i WHERE i.paid_minor <> (SELECT coalesce(sum(a.minor), 0)
    FROM billing_paymentallocation a WHERE a.invoice_id = i.id AND a.undone_at IS NULL)
LIMIT %s
"""
_CREDIT_IS_WHAT_IS_LEFT = """
WITH kept AS (
    SELECT issuer_id, currency, sum(amount_minor - allocated_minor - paid_out_minor) AS minor
    FROM billing_receipt GROUP BY 1, 2
), booked AS (
    SELECT p.organisation_id AS issuer_id, p.currency, -sum(p.minor) AS minor
    FROM billing_posting p JOIN billing_account a ON a.id = p.account_id
    JOIN billing_entry e ON e.id = p.entry_id WHERE a.part = 'credit_balance'
        AND e.key NOT LIKE 'manual:%%' AND e.key NOT LIKE 'opening:%%' GROUP BY 1, 2
)
SELECT 'issuer ' || issuer_id || ' keeps ' || coalesce(kept.minor, 0) || ' of its customers and '
    || coalesce(booked.minor, 0) || ' by the books' FROM kept FULL JOIN booked
USING (issuer_id, currency) WHERE coalesce(kept.minor, 0) <> coalesce(booked.minor, 0)
LIMIT %s
"""
_CHAINS_END_WHERE_THEY_ENDED = """
SELECT 'the books of ' || o.reference || ' had ' || b.last_position || ' entries and end at '
    || coalesce(e.position, 0) FROM billing_books b JOIN erp_organisation o
    ON o.id = b.organisation_id LEFT JOIN LATERAL (
        SELECT position, hash FROM billing_entry WHERE organisation_id = b.organisation_id
        ORDER BY position DESC LIMIT 1) e ON true
WHERE (b.last_position, b.last_hash) IS DISTINCT FROM (coalesce(e.position, 0),
                                                       coalesce(e.hash, ''))
UNION ALL
SELECT 'entry ' || k.position || ' of ' || o.reference || ' is not what was anchored' FROM (
    SELECT organisation_id, position, hash FROM billing_anchor
    UNION
    SELECT organisation_id, (details->>'position')::bigint, details->>'hash'
    FROM erp_journalline WHERE event = 'books_anchored') k
JOIN erp_organisation o ON o.id = k.organisation_id
LEFT JOIN billing_entry e USING (organisation_id, position)
WHERE e.hash IS DISTINCT FROM k.hash
UNION ALL
SELECT 'entry ' || key || ' breaks the numbers of its journal' FROM (
    SELECT e.*, row_number() OVER (PARTITION BY organisation_id, fiscal_year, journal
        ORDER BY position) AS right_number FROM billing_entry e) n WHERE number <> right_number
LIMIT %s
"""
_DEFERRED_IS_WHAT_WAITS = """
WITH waiting AS (
    SELECT deferred_account_id AS account_id, currency, sum(minor) AS minor
    FROM billing_deferral WHERE released_by_id IS NULL GROUP BY 1, 2
), booked AS (
    SELECT p.account_id, p.currency, -sum(p.minor) AS minor FROM billing_posting p
    JOIN billing_account a ON a.id = p.account_id JOIN billing_entry e ON e.id = p.entry_id
    WHERE a.part = 'deferred' AND e.key NOT LIKE 'manual:%%' AND e.key NOT LIKE 'opening:%%'
    GROUP BY 1, 2
)
SELECT 'account ' || account_id || ' holds ' || coalesce(booked.minor, 0) || ' and '
    || coalesce(waiting.minor, 0) || ' is deferred'
FROM waiting FULL JOIN booked USING (account_id, currency)
WHERE coalesce(waiting.minor, 0) <> coalesce(booked.minor, 0)
LIMIT %s
"""
_LETTERS_SETTLE = """
SELECT 'lettering ' || l.code || ' of account ' || l.account_id || ' does not settle'
FROM billing_lettering l LEFT JOIN billing_posting p ON p.lettering_id = l.id
GROUP BY l.id HAVING coalesce(sum(p.minor), 0) <> 0 OR min(p.currency) <> max(p.currency)
    OR min(p.account_id) <> l.account_id OR max(p.account_id) <> l.account_id
    OR (count(p.id) = 0) <> (l.undone_at IS NOT NULL)
LIMIT %s
"""


_STRANGE_OWNERS = """
SELECT what || ' belongs to another organisation' FROM (
SELECT 'invoice ' || i.reference AS what FROM billing_invoice i
    JOIN erp_contract c ON c.id = i.contract_id
    WHERE i.organisation_id <> c.organisation_id OR i.issuer_id <> c.seller_id
UNION ALL
SELECT 'line of invoice ' || i.reference FROM billing_invoiceline l
    JOIN billing_invoice i ON i.id = l.invoice_id WHERE l.organisation_id <> i.organisation_id
UNION ALL
SELECT 'document of invoice ' || i.reference FROM billing_document d
    JOIN billing_invoice i ON i.document_id = d.id WHERE d.organisation_id <> i.organisation_id
UNION ALL
SELECT 'rated line of run ' || r.reference FROM billing_ratedline l
    JOIN billing_ratingrun r ON r.id = l.run_id WHERE l.organisation_id <> r.organisation_id
UNION ALL
SELECT 'posting of ' || e.reference FROM billing_posting p
    JOIN billing_entry e ON e.id = p.entry_id WHERE p.organisation_id <> e.organisation_id
UNION ALL
SELECT 'payment of ' || i.reference FROM billing_paymentallocation a
    JOIN billing_invoice i ON i.id = a.invoice_id WHERE a.organisation_id <> i.organisation_id
) strange LIMIT %s
"""


def _sentences(sql: str) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(sql, [MOST])
        return [str(sentence) for (sentence,) in cursor.fetchall()]


def documents_match_their_hash() -> list[str]:
    """L7: snapshot and bytes are what was frozen and stored."""
    broken: list[str] = []
    for document in Document.objects.order_by("pk").iterator(chunk_size=50):
        stored = ((document.pdf, document.pdf_sha256), (document.xml, document.xml_sha256))
        if hash_of(document.snapshot) != document.snapshot_sha256 or any(
            content is not None and sha256(bytes(content)).hexdigest() != expected
            for content, expected in stored
        ):
            broken.append(f"document {document.reference} is not what was stored")
        if len(broken) == MOST:
            break
    return broken


LAWS: Mapping[str, Callable[[], list[str]]] = {
    "L1 every entry sums to zero, and is chained": partial(_sentences, _ENTRIES_BALANCE),
    "L2 total is lines and tax": partial(_sentences, _TOTALS_ADD_UP),
    "L3 receivable is issued less paid": partial(_sentences, _RECEIVABLES_AGREE),
    "L4 every window is billed once": partial(_sentences, _WINDOWS_ARE_BILLED_ONCE),
    "L5 numbers have no gap and rise with the date": partial(_sentences, _NUMBERS_HAVE_NO_GAP),
    "L6 one invoice per contract and period": partial(_sentences, _ONE_INVOICE_PER_PERIOD),
    "L7 documents match their hash": documents_match_their_hash,
    "L10 each payment has one entry": partial(_sentences, _PAYMENTS_HAVE_ONE_ENTRY),
    "L15 books end where they ended": partial(_sentences, _CHAINS_END_WHERE_THEY_ENDED),
    "L16 deferred revenue is what waits": partial(_sentences, _DEFERRED_IS_WHAT_WAITS),
    "L17 letters settle": partial(_sentences, _LETTERS_SETTLE),
    "L18 credit of customers is what is left of receipts": partial(
        _sentences, _CREDIT_IS_WHAT_IS_LEFT
    ),
    "L13 what is owed belongs to who agreed to it": partial(_sentences, _STRANGE_OWNERS),
}
