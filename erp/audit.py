"""Conservation laws of what we agreed; each returns what breaks it, in words.

Source: the list L1 to L14 that `manage.py audit` checks, docs/operations.md.
"""

from collections.abc import Callable, Mapping

from django.apps import apps
from django.db import connection

from erp.base.journal import JournalLine
from erp.base.lifecycle import Stateful

MOST = 20

_BROKEN_CHAIN = """
SELECT organisation_id, position FROM (
    SELECT line.*, tenantry_journal_hash(line) AS right_hash,
        lag(hash, 1, '') OVER chain AS hash_before,
        row_number() OVER chain AS right_position
    FROM erp_journalline line
    WINDOW chain AS (PARTITION BY organisation_id ORDER BY position)
) checked
WHERE hash <> right_hash OR previous_hash <> hash_before OR position <> right_position
ORDER BY organisation_id, position LIMIT %s
"""

_STRANGE_OWNERS = """
SELECT 'line of ' || c.reference FROM erp_contractline l JOIN erp_contract c ON c.id = l.contract_id
    WHERE l.organisation_id <> c.organisation_id
UNION ALL
SELECT 'price of line ' || l.id FROM erp_lineprice p JOIN erp_contractline l ON l.id = p.line_id
    WHERE p.organisation_id <> l.organisation_id
UNION ALL
SELECT 'message of ' || t.reference FROM erp_message m JOIN erp_ticket t ON t.id = m.ticket_id
    WHERE m.organisation_id <> t.organisation_id
UNION ALL
SELECT 'file ' || f.reference FROM erp_messagefile f JOIN erp_message m ON m.id = f.message_id
    WHERE f.organisation_id <> m.organisation_id
UNION ALL
SELECT 'link of ' || t.reference FROM erp_ticketlink l JOIN erp_ticket t ON t.id = l.ticket_id
    WHERE l.organisation_id <> t.organisation_id
UNION ALL
SELECT 'satisfaction of ' || t.reference FROM erp_satisfaction s
    JOIN erp_ticket t ON t.id = s.ticket_id WHERE s.organisation_id <> t.organisation_id
UNION ALL
SELECT 'ticket merged into ' || o.reference FROM erp_ticket t
    JOIN erp_ticket o ON o.id = t.merged_into_id WHERE t.organisation_id <> o.organisation_id
UNION ALL
SELECT 'delivery ' || d.webhook_id FROM erp_delivery d JOIN erp_endpoint e ON e.id = d.endpoint_id
    WHERE d.organisation_id <> e.organisation_id
UNION ALL
SELECT 'preference ' || p.id FROM erp_preference p JOIN erp_member m ON m.id = p.member_id
    WHERE p.organisation_id <> m.organisation_id
UNION ALL
SELECT 'organisation ' || o.reference FROM erp_organisation o
    JOIN erp_organisation p ON p.id = o.parent_id WHERE o.path <> p.path || o.reference || '/'
LIMIT %s
"""


def journal_is_chained() -> list[str]:
    """L12: every line of the journal follows the one before it."""
    return [
        f"the journal of organisation {organisation} is broken at position {position}"
        for organisation, position in _rows(_BROKEN_CHAIN)
    ]


def children_belong_to_their_parent() -> list[str]:
    """L13: the organisation of a child is its parent's."""
    return [f"{what} belongs to another organisation" for (what,) in _rows(_STRANGE_OWNERS)]


def moves_are_arrows() -> list[str]:
    """L14: every recorded move is an arrow of its state chart."""
    broken: list[str] = []
    for model in apps.get_models():
        if issubclass(model, Stateful):
            moves = JournalLine.objects.filter(
                subject_kind=model._meta.model_name, details__has_key="came_from"
            ).values_list("details__came_from", "event")
            broken += [
                f"a {model._meta.verbose_name} moved from {start} to {end}"
                for start, end in moves.order_by().distinct()
                if end not in model.arrows.get(start, frozenset())
            ]
    return broken


def _rows(sql: str) -> list[tuple[str, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, [MOST])
        return list(cursor.fetchall())


LAWS: Mapping[str, Callable[[], list[str]]] = {
    "L12 the journal's chain holds": journal_is_chained,
    "L13 a child's organisation is its parent's": children_belong_to_their_parent,
    "L14 every recorded move is an arrow": moves_are_arrows,
}
