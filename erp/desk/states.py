"""How urgent a conversation is, and whose desk works on it."""

from django.db.models import IntegerChoices


class Priority(IntegerChoices):
    """The smaller the number, the sooner it is looked at."""

    URGENT = 1
    HIGH = 2
    NORMAL = 3
    LOW = 4
