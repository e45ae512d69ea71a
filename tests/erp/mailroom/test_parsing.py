"""What is read of a mail, and that anything may come."""

from email.message import EmailMessage

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from erp.mailroom import parsing
from erp.mailroom.html_text import as_text
from erp.mailroom.parsing import BadMail, name_of, parse
from tests.erp.mailroom.mails import a_mail


def test_a_plain_mail_is_read() -> None:
    mail = a_mail(
        "Ann <Ann@People.example>", "Hello.\n\n> Old.\n", subject="Re: AW: Slow   site",
        In_Reply_To="<b@x>", References="<a@x> <b@x>",
    )  # fmt: skip

    read = parse(bytes(mail))

    assert read.sender == "ann@people.example"
    assert read.recipients == ["support@mail.example"]
    assert read.references == ["b@x", "b@x", "a@x"]
    assert (read.subject, read.text, read.robot) == ("Slow site", "Hello.\n\n> Old.", "")
    assert read.message_id == name_of(bytes(mail))


def test_words_of_another_alphabet_are_read() -> None:
    raw = (
        b"From: =?iso-8859-1?q?Andr=E9?= <a@x.example>\r\nSubject: =?utf-8?b?w4l0w6k=?=\r\n"
        b"Content-Type: text/plain; charset=iso-8859-1\r\n"
        b"Content-Transfer-Encoding: quoted-printable\r\n\r\nd=E9j=E0 vu =A0!\r\n"
    )

    read = parse(raw)

    assert (read.subject, read.text) == ("Été", "déjà vu \u00a0!")


def test_html_is_read_as_it_looks() -> None:
    html = (
        "<html><head><title>no</title><style>p{}</style></head><body><p>Hello&nbsp;&amp; "
        "<b>welcome</b></p><script>alert(1)</script><ul><li>one</li><li>two</li></ul>"
        "line<br>break<blockquote>old<blockquote>older</blockquote></blockquote>"
        "<img src='https://spy.example/x.png'></body></html>"
    )

    assert as_text(html).splitlines() == [
        "Hello & welcome", "- one", "- two", "line", "break", "> old", "> > older",
    ]  # fmt: skip


def test_the_plain_part_is_preferred_and_html_alone_is_enough() -> None:
    both = a_mail("a@x.example", "Plain.")
    both.add_alternative("<p>Rich.</p>", subtype="html")
    alone = EmailMessage()
    alone["From"] = "a@x.example"
    alone.set_content("<p>Rich.</p><script>x</script>", subtype="html")

    assert parse(bytes(both)).text == "Plain."
    assert parse(bytes(alone)).text == "Rich."


def test_files_are_taken_within_bounds_and_what_is_left_out_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(parsing, "MOST_FILES", 2)
    monkeypatch.setattr(parsing, "MOST_FILE_BYTES", 2**20)
    mail = a_mail("a@x.example")
    mail.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="../a/b.pdf")
    mail.add_attachment(b"x" * (2**20 + 1), maintype="image", subtype="png", filename="big.png")
    mail.add_attachment("words", filename="notes.txt")
    mail.add_attachment(b"z", maintype="image", subtype="png", filename="third.png")

    read = parse(bytes(mail))

    assert [(one.content_type, len(one.content)) for one in read.files] == [
        ("application/pdf", 4), ("text/plain", 6),
    ]  # fmt: skip
    assert all("/" not in one.name and "\n" not in one.name for one in read.files)
    assert read.left_out == ["big.png: larger than 1 MB.", "third.png: more than 2 files."]
    assert read.text == "It is slow."


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        ({"Auto_Submitted": "auto-replied"}, "Auto-Submitted: auto-replied"),
        ({"Precedence": "bulk"}, "Precedence: bulk"),
        ({"List_Id": "<l.x.example>"}, "It comes from a mailing list."),
        ({"Return_Path": "<>"}, "It reports about another mail."),
        ({"Auto_Submitted": "no"}, ""),
        ({"Precedence": "first-class"}, ""),
    ],
)
def test_mails_of_programs_are_known(headers: dict[str, str], why: str) -> None:
    assert parse(bytes(a_mail("a@x.example", **headers))).robot == why


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"no header at all",
        b"Subject: nobody wrote this\r\n\r\nx",
        b"From: a@x.example, b@x.example\r\n\r\nx",
        b"From: nobody\r\n\r\nx",
    ],
)
def test_a_mail_without_one_sender_is_refused(raw: bytes) -> None:
    with pytest.raises(BadMail, match="no sender"):
        parse(raw)


def test_a_mail_of_endless_parts_is_refused() -> None:
    parts = b"".join(b"--b\r\n\r\nx\r\n" for _ in range(300))
    raw = b"From: a@x.example\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" + parts

    with pytest.raises(BadMail, match="200 parts"):
        parse(raw)


def test_a_mail_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parsing, "MOST_BYTES", 100)

    with pytest.raises(BadMail, match="larger than"):
        parse(bytes(a_mail("a@x.example", "x" * 200)))


def test_a_long_text_is_cut_and_says_so() -> None:
    read = parse(bytes(a_mail("a@x.example", "word " * 5000)))

    assert len(read.text) <= 20_000
    assert read.left_out == ["The text after 20000 signs."]


def test_what_the_database_cannot_keep_is_left_out() -> None:
    raw = b"From: a@x.example\r\nSubject: a\x00b\xff\r\n\r\nc\x00d\x1b[0m\r\n"

    read = parse(raw)

    assert "\x00" not in read.subject + read.text
    assert read.text == "cd[0m"
    (read.subject + read.text).encode()


def test_the_same_bytes_without_a_name_are_the_same_mail() -> None:
    raw = b"From: a@x.example\r\n\r\nx"

    assert name_of(raw) == name_of(raw) != name_of(raw + b"y")
    assert name_of(raw).startswith("sha256:")


@settings(max_examples=100, deadline=None)
@given(
    head=st.lists(
        st.tuples(
            st.sampled_from(
                [b"From", b"To", b"Subject", b"Content-Type", b"Content-Disposition",
                 b"Content-Transfer-Encoding", b"Message-ID", b"References", b"Return-Path"]
            ),
            st.one_of(
                st.binary(max_size=60),
                st.sampled_from(
                    [b"a@x.example", b"multipart/mixed; boundary=b", b"text/html; charset=x-none",
                     b"=?utf-8?q?=FF?=", b"attachment; filename*=x''%ZZ", b"message/rfc822",
                     b"base64", b"<a@b>", b"(((("]
                ),
            ),
        ),
        max_size=8,
    ),
    body=st.one_of(st.binary(max_size=200), st.just(b"--b\r\n\r\nx\r\n--b--")),
)  # fmt: skip
def test_whatever_comes_is_read_or_refused(head: list[tuple[bytes, bytes]], body: bytes) -> None:
    raw = b"".join(name + b": " + value + b"\r\n" for name, value in head) + b"\r\n" + body
    assert name_of(raw)
    try:
        read = parse(raw)
    except BadMail:
        return
    for text in (read.sender, read.subject, read.text, *read.references, *read.recipients):
        assert "\x00" not in text
        text.encode()
