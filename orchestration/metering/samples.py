"""Read a node's samples: what a hostile node may send is refused here, before the database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from erp.base.errors import DomainError

LONGEST = timedelta(days=1)
# A clock may run ahead of the Master's by this much before its samples are refused.
TOLERANCE = timedelta(minutes=10)
MOST = 20_000


class BadSamples(DomainError):
    """A node sent samples that cannot be right."""

    code = "bad_samples"


@dataclass(frozen=True, slots=True)
class Reading:
    """One sample as a node sent it, checked."""

    sequence: int
    instance: str
    meter: str
    unit: str
    quantity: Decimal
    accuracy: str
    starts_at: datetime
    ends_at: datetime


def parse(samples: Sequence[Mapping[str, Any]], *, at: datetime) -> list[Reading]:
    """Return the samples, checked one by one.

    Raises:
        BadSamples: names the first sample that cannot be right, and why.
    """
    if len(samples) > MOST:
        raise BadSamples(f"{len(samples)} samples in one report; at most {MOST} are taken.")
    return [_parse_one(sample, at=at) for sample in samples]


def _parse_one(sample: Mapping[str, Any], *, at: datetime) -> Reading:
    try:
        reading = Reading(
            sequence=int(sample["seq"]),
            instance=_text(sample["instance_uid"], 12),
            meter=_text(sample["meter"], 40),
            unit=_text(sample["unit"], 20),
            quantity=Decimal(str(sample["value"])),
            accuracy=_text(sample.get("accuracy", ""), 40),
            starts_at=_moment(sample["from"]),
            ends_at=_moment(sample["to"]),
        )
    except (KeyError, TypeError, ValueError, OverflowError, InvalidOperation) as error:
        raise BadSamples(f"A sample cannot be read: {error!r}.") from error
    problem = _problem(reading, at=at)
    if problem:
        raise BadSamples(f"Sample {reading.sequence} ({reading.meter}) {problem}.")
    return reading


def _problem(reading: Reading, *, at: datetime) -> str:
    if reading.sequence < 1 or reading.sequence >= 2**62:
        return "has an impossible sequence number"
    if not reading.quantity.is_finite() or not 0 <= reading.quantity < 10**15:
        return "has an impossible value"
    if reading.quantity != round(reading.quantity, 9):
        return "has more than 9 decimals"
    if not timedelta(0) < reading.ends_at - reading.starts_at <= LONGEST:
        return "covers no time, or more than a day"
    if reading.ends_at > at + TOLERANCE:
        return "ends in the future: is the node's clock right?"
    return ""


def _text(value: Any, most: int) -> str:
    """Return a text that PostgreSQL can hold."""
    return str(value)[:most].encode("utf-8", "replace").decode("utf-8").replace("\x00", "")


def _moment(text: Any) -> datetime:
    moment = datetime.fromisoformat(str(text))
    if moment.tzinfo is None:
        raise ValueError(f"{text} has no time zone")
    # PostgreSQL knows fewer zones than Python.
    return moment.astimezone(UTC)
