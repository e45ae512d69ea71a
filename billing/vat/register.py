"""Ask VIES, the register of VAT numbers of the EU. It is often down, slow, or has no member state.

Source: technical information of VIES, REST service `check-vat-number`
"""

import http.client
import json
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from erp.base.errors import DomainError

ANSWER_SECONDS = 10.0
ALL_SECONDS = 20.0
MOST_BYTES = 64 * 1024


class NoAnswer(DomainError):
    """The register did not answer: it is asked again, and nothing is guessed meanwhile."""

    code = "register_no_answer"
    status = 503


@dataclass(frozen=True, slots=True)
class Answer:
    """What the register said of a number; the consultation number proves it to an auditor."""

    is_valid: bool
    consultation: str
    raw: dict[str, Any]


def ask(number: str, *, requester: str) -> Answer:
    """Return what the register says of a number that is written with its country.

    Args:
        requester: our own number: only with it the register gives a consultation number.

    Raises:
        NoAnswer: it is down, slow, says something else, or answers about another number.
    """
    question = {"countryCode": number[:2], "vatNumber": number[2:]}
    if requester:
        question |= {
            "requesterMemberStateCode": requester[:2],
            "requesterNumber": requester[2:],
        }
    found = _parsed(_post(json.dumps(question).encode()))
    valid = found.get("valid")
    told = f"{found.get('countryCode', '')}{found.get('vatNumber', '')}".replace(" ", "")
    if not isinstance(valid, bool) or _troubles(found):
        raise NoAnswer(f"VIES gave no answer: {_troubles(found) or 'no field “valid”'}.")
    if told and told.upper() != number.upper():
        raise NoAnswer(f"VIES answered about {told[:30]}, not about {number}.")
    return Answer(valid, str(found.get("requestIdentifier") or "")[:60], found)


def _troubles(found: dict[str, Any]) -> str:
    """Return what the register names as its own trouble, such as MS_UNAVAILABLE."""
    errors = found.get("errorWrappers") or []
    named = [str(one.get("error", "")) for one in errors if isinstance(one, dict)]
    user_error = str(found.get("userError") or "")
    if user_error and user_error not in ("VALID", "INVALID"):
        named.append(user_error)
    return ", ".join(one for one in named if one)[:200]


def _post(body: bytes) -> bytes:
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    request = urllib.request.Request(settings.VIES_URL, data=body, headers=headers)  # noqa: S310
    deadline = time.monotonic() + ALL_SECONDS
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as response:  # noqa: S310
            return _read(response, deadline)
    except urllib.error.HTTPError as error:
        return error.read(MOST_BYTES)
    except (OSError, http.client.HTTPException) as error:
        raise NoAnswer(f"VIES is not reached: {error or type(error).__name__}.") from error


def _read(response: http.client.HTTPResponse, deadline: float) -> bytes:
    read = b""
    while piece := response.read1(MOST_BYTES):
        read += piece
        if len(read) > MOST_BYTES:
            raise NoAnswer("VIES answered more than an answer is long.")
        if time.monotonic() > deadline:
            raise NoAnswer(f"VIES gave no whole answer within {ALL_SECONDS:g} s.")
    return read


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError as error:
        raise NoAnswer("VIES answered what is no JSON.") from error
    if not isinstance(found, dict):
        raise NoAnswer("VIES answered what is no answer.")
    return found
