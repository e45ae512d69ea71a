"""The proof that nothing in the books was changed, removed or slipped in.

Every entry is hashed with the one before it. Three things are kept apart from the entries: where
the chain ends (in the row of the books), anchors (of every day and every closing), and the same
anchors in the journal of the organisation, which is a chain of its own. Whoever notes count and
hash outside, as the page shows them, needs to trust none of the three.
"""

from dataclasses import dataclass

from django.db import connection

from erp.customers.models import Organisation

MOST = 20
_BROKEN = """
WITH chain AS (
    SELECT e.*, tenantry_entry_hash(e) AS right_hash,
        lag(hash, 1, '') OVER (ORDER BY position) AS hash_before,
        row_number() OVER (ORDER BY position) AS right_position,
        row_number() OVER (PARTITION BY fiscal_year, journal ORDER BY position) AS right_number
    FROM billing_entry e WHERE organisation_id = %(books)s
), kept AS (
    SELECT position, hash FROM billing_anchor WHERE organisation_id = %(books)s
    UNION
    SELECT (details->>'position')::bigint, details->>'hash' FROM erp_journalline
    WHERE organisation_id = %(books)s AND event = 'books_anchored'
    UNION
    SELECT last_position, last_hash FROM billing_books
    WHERE organisation_id = %(books)s AND last_position > 0
), sums AS (
    SELECT entry_id, sum(minor) AS minor FROM billing_posting WHERE organisation_id = %(books)s
    GROUP BY entry_id HAVING sum(minor) <> 0
)
SELECT position, 'its content or place is not what was hashed' FROM chain
WHERE hash <> right_hash OR previous_hash <> hash_before OR position <> right_position
UNION ALL
SELECT position, 'its number does not follow' FROM chain WHERE number <> right_number
UNION ALL
SELECT c.position, 'its postings do not sum to zero' FROM chain c JOIN sums ON entry_id = c.id
UNION ALL
SELECT k.position, CASE WHEN c.id IS NULL THEN 'it was anchored and is gone'
    ELSE 'it is not what was anchored' END
FROM kept k LEFT JOIN chain c ON c.position = k.position WHERE c.hash IS DISTINCT FROM k.hash
UNION ALL
SELECT c.position, 'it stands behind the end of the books' FROM chain c
WHERE c.position > (SELECT last_position FROM billing_books WHERE organisation_id = %(books)s)
ORDER BY 1 LIMIT %(most)s
"""
_END = """
SELECT position, hash FROM billing_entry WHERE organisation_id = %s ORDER BY position DESC LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Proof:
    """What was looked at, and what does not hold: a sentence each, none when all is well."""

    entries: int
    hash: str
    broken: tuple[str, ...]


def prove(books: Organisation) -> Proof:
    """Compute every hash anew and compare it with all that is kept apart."""
    with connection.cursor() as cursor:
        cursor.execute(_END, [books.pk])
        count, newest = cursor.fetchone() or (0, "")
        cursor.execute(_BROKEN, {"books": books.pk, "most": MOST})
        found = [f"Entry {position}: {what}." for position, what in cursor.fetchall()]
    return Proof(count, newest, tuple(found))


def holds_at(books: Organisation, count: int, expected: str) -> bool:
    """Return whether the entry at a position still has the hash that somebody noted outside."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT hash FROM billing_entry WHERE organisation_id = %s AND position = %s",
            [books.pk, count],
        )
        found = cursor.fetchone()
    return found is not None and found[0] == expected
