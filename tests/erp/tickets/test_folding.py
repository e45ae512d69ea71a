"""What a mail quotes is folded; what somebody says never is."""

import pytest

from erp.tickets.folding import Part, parts_of


def said(text: str) -> Part:
    return Part(text, is_quote=False)


def quoted(text: str) -> Part:
    return Part(text, is_quote=True)


@pytest.mark.parametrize(
    "introduction",
    [
        "On Mon, 2 Nov 2026 at 09:12, Bob <bob@mail.example> wrote:",
        "On Mon, 2 Nov 2026 at 09:12, Bob\n<bob@mail.example>\nwrote:",
        "Am 02.11.26 um 09:12 schrieb Bob:",
        "Le lun. 2 nov. 2026 à 09:12, Bob <bob@mail.example> a écrit :",
        "-----Original Message-----",
        "________________________________",
    ],
)
def test_the_old_mail_below_an_answer_is_folded(introduction: str) -> None:
    old = f"{introduction}\n\n> Which page?\n> And when?"

    assert parts_of(f"All of them.\n\n{old}") == [said("All of them.\n"), quoted(old)]


def test_an_old_mail_without_marks_is_folded_too() -> None:
    text = "Yes.\n-----Original Message-----\nFrom: Bob\n\nIs it slow?"

    assert parts_of(text)[1] == quoted("-----Original Message-----\nFrom: Bob\n\nIs it slow?")


def test_answers_between_the_lines_are_read() -> None:
    text = "On Mon, Bob wrote:\n> Which page?\nAll.\n> Since when?\nNoon."

    assert parts_of(text) == [
        said("On Mon, Bob wrote:"), quoted("> Which page?"), said("All."),
        quoted("> Since when?"), said("Noon."),
    ]  # fmt: skip


def test_a_message_that_is_nothing_but_a_quote_is_shown() -> None:
    assert parts_of("> Which page?") == [said("> Which page?")]


def test_words_that_only_look_like_an_introduction_stay() -> None:
    text = "On Monday the site was slow.\nHe wrote: help."

    assert parts_of(text) == [said(text)]


def test_a_thousand_long_lines_are_read_at_once() -> None:
    line = "On " + "a" * 5000

    assert parts_of("\n".join([line] * 1000)) == [said("\n".join([line] * 1000))]
