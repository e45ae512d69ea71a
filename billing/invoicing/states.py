"""The states of an invoice."""

from django.db.models import TextChoices

from erp.base.lifecycle import Arrows


class State(TextChoices):
    """Only a draft may vanish; what was issued is corrected by a new document."""

    DRAFT = "draft"
    ISSUED = "issued"
    PAID = "paid"
    CREDITED = "credited"
    DISCARDED = "discarded"


class Kind(TextChoices):
    """What the document is."""

    INVOICE = "invoice"
    CREDIT_NOTE = "credit_note"


ARROWS: Arrows = {
    State.DRAFT: frozenset({State.ISSUED, State.DISCARDED}),
    State.ISSUED: frozenset({State.PAID, State.CREDITED}),
    # A bank takes a payment back: the invoice is to be paid again.
    State.PAID: frozenset({State.ISSUED, State.CREDITED}),
    State.CREDITED: frozenset(),
    State.DISCARDED: frozenset(),
}
