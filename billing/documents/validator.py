"""Ask the validator's child process: one question at a time, with a limit, again when it died.

Source: docs/adr/0012-documents.md
"""

import json
import os
import subprocess
import sys
from threading import Event, Lock, Timer
from typing import Any

from django.conf import settings

from billing.documents.findings import Finding, Severity
from erp.base.errors import DomainError

LIMIT_SECONDS = 120.0
# One question may kill the child by bad luck; a second death is the document's fault.
MOST_ATTEMPTS = 2


class ValidatorFailed(DomainError):
    """The document could not be checked; it is tried again later."""

    code = "validator_failed"
    status = 503


class Validator:
    """A child process, started with the first question and kept for the next ones."""

    def __init__(self, *, limit_seconds: float = LIMIT_SECONDS) -> None:
        self.limit_seconds = limit_seconds
        self.child: subprocess.Popen[str] | None = None
        self.owner = 0
        self.one_at_a_time = Lock()

    def findings(self, xml: bytes) -> list[Finding]:
        """Return what the XSD and the rules of EN 16931 find in a document, CII or UBL.

        Raises:
            ValidatorFailed: the child could not answer, died twice, or took too long.
        """
        question = json.dumps({"xml": xml.decode()}) + "\n"
        with self.one_at_a_time:
            for _ in range(MOST_ATTEMPTS):
                answer = self._ask(question)
                if answer:
                    return _findings(json.loads(answer))
        raise ValidatorFailed(f"The validator died {MOST_ATTEMPTS} times of this document.")

    def stop(self) -> None:
        """End the child; the next question starts another."""
        if self.child and self.owner == os.getpid():
            self.child.kill()
            self.child.communicate()
        self.child = None

    def _ask(self, question: str) -> str:
        """Return the answer; nothing when the child died of the question."""
        child, too_late = self._living(), Event()
        assert child.stdin is not None, "it is a pipe"
        assert child.stdout is not None, "it is a pipe"
        limit = Timer(self.limit_seconds, _give_up, [child, too_late])
        limit.start()
        try:
            child.stdin.write(question)
            child.stdin.flush()
            answer = child.stdout.readline()
        except BrokenPipeError:
            answer = ""
        finally:
            limit.cancel()
        if not answer:
            self.stop()
        if too_late.is_set():
            raise ValidatorFailed(f"The validator gave no answer within {self.limit_seconds:g} s.")
        return answer

    def _living(self) -> subprocess.Popen[str]:
        """Return the child of this process: one that a fork inherited belongs to the parent."""
        if self.child is None or self.owner != os.getpid() or self.child.poll() is not None:
            self.child, self.owner = _started(), os.getpid()
        return self.child


def _give_up(child: subprocess.Popen[str], too_late: Event) -> None:
    too_late.set()
    child.kill()


def _started() -> subprocess.Popen[str]:
    """Start the child; it sees no setting of ours, and ends with its input when we end."""
    return subprocess.Popen(
        [sys.executable, "-m", "billing.documents.validator_child"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        cwd=settings.BASE_DIR,
        env={"PATH": os.defpath, "LANG": "C.UTF-8"},
    )


def _findings(answer: dict[str, Any]) -> list[Finding]:
    if "error" in answer:
        raise ValidatorFailed(f"The validator could not check the document: {answer['error']}")
    return [
        Finding(rule, Severity(severity), text, location)
        for rule, severity, text, location in answer["findings"]
    ]


# One child per process of ours: it holds the compiled rules, which take a second to load.
VALIDATOR = Validator()
