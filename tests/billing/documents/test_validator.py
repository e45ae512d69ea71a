"""The validator's child: kept between questions, restarted when it dies, stopped when it hangs."""

import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from billing.documents import validator as module
from billing.documents import xml
from billing.documents.findings import Finding, Severity
from billing.documents.validator import Validator, ValidatorFailed
from tests.billing.documents.samples import domestic


@pytest.fixture
def validator() -> Iterator[Validator]:
    one = Validator()
    yield one
    one.stop()


def child_of(validator: Validator) -> "subprocess.Popen[str]":
    assert validator.child is not None
    return validator.child


def a_child_that(monkeypatch: pytest.MonkeyPatch, does: str) -> list[int]:
    """Start this program in the place of the validator, and count the starts."""
    started: list[int] = []

    def start() -> "subprocess.Popen[str]":
        child = subprocess.Popen(
            [sys.executable, "-c", does], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        started.append(child.pid)
        return child

    monkeypatch.setattr(module, "_started", start)
    return started


def test_one_child_answers_many_questions(validator: Validator) -> None:
    written = xml.write(domestic())
    assert validator.findings(written) == []
    first = child_of(validator).pid
    assert validator.findings(written) == []
    assert child_of(validator).pid == first


def test_what_is_no_invoice_is_fatal(validator: Validator) -> None:
    (found,) = validator.findings(b"<not><closed>")
    assert (found.rule, found.severity) == ("XML", Severity.FATAL)
    cut = xml.write(domestic()).replace(b"F-2026-000042", b"")
    rules = {one.rule for one in validator.findings(cut) if one.severity == Severity.FATAL}
    assert "BR-02" in rules


def test_a_child_that_died_is_replaced(validator: Validator) -> None:
    written = xml.write(domestic())
    validator.findings(written)
    dead = child_of(validator)
    dead.kill()
    dead.wait()
    assert validator.findings(written) == []
    assert child_of(validator).pid != dead.pid


def test_a_child_that_dies_of_the_question_is_asked_twice_and_no_more(
    validator: Validator, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = a_child_that(monkeypatch, "input()")
    with pytest.raises(ValidatorFailed, match="died 2 times"):
        validator.findings(b"<a/>")
    assert len(started) == 2
    assert validator.child is None


def test_a_child_that_hangs_is_killed_at_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    started = a_child_that(monkeypatch, "import threading; threading.Event().wait()")
    hanging = Validator(limit_seconds=0.2)
    with pytest.raises(ValidatorFailed, match=r"no answer within 0\.2 s"):
        hanging.findings(b"<a/>")
    assert len(started) == 1
    assert hanging.child is None


def test_an_answer_that_is_an_error_is_no_verdict(
    validator: Validator, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_child_that(monkeypatch, """input(); print('{"error": "out of memory"}', flush=True)""")
    with pytest.raises(ValidatorFailed, match="out of memory"):
        validator.findings(b"<a/>")


def test_threads_take_turns(validator: Validator) -> None:
    answers: list[list[Finding]] = []
    written = xml.write(domestic())
    threads = [
        threading.Thread(target=lambda: answers.append(validator.findings(written)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [[], [], [], []]
