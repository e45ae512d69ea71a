"""The brand of a seller: bounded, redrawn, readable in words, seen by its customers alone."""

import io
from email.utils import formataddr

import pytest
from django.conf import LazySettings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, connection, transaction
from PIL import Image

from erp.base import scope
from erp.customers import branding, colours
from erp.customers.branding import BadLogo, Look, NoSeller, brand_of, redrawn, set_brand
from erp.customers.models import Brand, Logo, Organisation
from erp.customers.states import Role
from erp.outbox import services as outbox
from erp.outbox.models import Mail
from erp.outbox.smtp import compose
from erp.outbox.states import Topic
from tests.erp.builders import NOON, Tree, a_client, a_member

pytestmark = pytest.mark.django_db
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


def a_picture(kind: str = "PNG", size: tuple[int, int] = (1200, 300), **more: object) -> bytes:
    target = io.BytesIO()
    Image.new("RGB", size, "#0a64c8").save(target, kind, **more)
    return target.getvalue()


def branded(seller: Organisation, **facts: str) -> Brand:
    look = Look(**({"name": "Cloudy", "colour": "#0a64c8", "reply_to": "help@cloudy.test"} | facts))
    return set_brand(seller, look, at=NOON, by="test", logo=io.BytesIO(a_picture()))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_logo_is_drawn_anew_and_small(kind: str) -> None:
    png, size = redrawn(io.BytesIO(a_picture(kind)))

    assert size == (640, 160)
    with Image.open(io.BytesIO(png)) as picture:
        assert (picture.format, picture.size, picture.info) == ("PNG", (640, 160), {})


def test_nothing_hidden_survives() -> None:
    hidden = a_picture("JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0" + b"<script>secret</script>")
    png, _ = redrawn(io.BytesIO(hidden + b"<?php secret ?>"))
    assert b"secret" not in png


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (SVG, "SVG is not taken"),
        (b"GIF89a" + bytes(40), "no PNG, JPEG or WebP"),
        (b"", "no PNG, JPEG or WebP"),
        (bytes(branding.MOST_BYTES + 1), "larger than 1 MiB"),
        (a_picture(size=(5000, 4000)), "16 million pixels"),
    ],
)
def test_what_is_no_logo_is_refused(content: bytes, words: str) -> None:
    with pytest.raises(BadLogo, match=words):
        redrawn(io.BytesIO(content))


def test_a_colour_is_judged_in_words() -> None:
    assert colours.problem_of("#0a64c8") == ""
    assert colours.problem_of("#ffe066").startswith(
        "On white, pages and invoices, this colour is hard to see: its contrast is 1.3"
    )
    assert colours.words_of("#1a1a1a") == [
        "On white its contrast is 17.4.",
        "In the dark theme it could hardly be seen (1.0 of 3): there buttons keep their usual "
        "colour.",
        "Words on it are white.",
    ]


@pytest.mark.parametrize("number", range(0, 0xFFFFFF, 0x10F0F7))
def test_words_on_every_accent_can_be_read(number: int) -> None:
    for theme in ("light", "dark"):
        accent = colours.accent_in(theme, f"#{number:06x}")
        assert colours.contrast(accent.colour, colours.SURFACES[theme]) >= colours.LEAST_SEEN
        assert colours.contrast(accent.colour, accent.text) >= colours.LEAST_READ
        assert colours.contrast(accent.hover, accent.text) >= colours.LEAST_READ


def test_customers_are_served_under_the_brand_of_their_seller(tree: Tree) -> None:
    made = branded(tree.reseller)

    assert brand_of(tree.customer) == made
    assert brand_of(tree.reseller) == made
    assert brand_of(tree.direct) is None
    with pytest.raises(NoSeller):
        branded(tree.customer)


def test_pages_wear_the_brand_and_strangers_do_not_load_it(tree: Tree) -> None:
    branded(tree.reseller)
    owner, cousin = (a_client(a_member(one, Role.OWNER)) for one in (tree.customer, tree.cousin))
    at = "/organisations"

    page = owner.get("/services/").content.decode()
    assert f'src="{at}/logo.png?' in page
    assert 'alt="Cloudy"' in page
    assert f'href="{at}/brand.css?' in page
    assert "--accent:light-dark(#0a64c8," in owner.get(f"{at}/brand.css").content.decode()
    logo = owner.get(f"{at}/logo.png")
    assert (logo["Content-Type"], logo.content[:4]) == ("image/png", b"\x89PNG")
    for path in ("logo.png", "brand.css"):
        assert cousin.get(f"{at}/{path}").status_code == 404
    assert "Cloudy" not in cousin.get("/services/").content.decode()


def test_the_page_sets_the_brand_and_says_what_is_wrong(tree: Tree) -> None:
    manager = a_client(a_member(tree.reseller, Role.RESELLER_MANAGER))
    page = f"/organisations/{tree.reseller.reference}/brand"
    asked = {"name": "Cloudy", "colour": "#FFE066", "reply_to": "", "terms": "Pay."}

    pale = manager.post(page, asked)
    assert pale.status_code == 422
    assert "Choose a darker one" in pale.content.decode()
    svg = SimpleUploadedFile("logo.png", SVG, "image/png")
    refused = manager.post(page, asked | {"colour": "#0A64C8", "logo": svg})
    assert refused.status_code == 422
    assert "SVG is not taken" in refused.content.decode()
    assert not Brand.objects.exists()

    good = SimpleUploadedFile("logo.png", a_picture(), "image/png")
    done = manager.post(page, asked | {"colour": "#0A64C8", "logo": good}, follow=True)
    assert "Words on it are white." in done.content.decode()
    brand = Brand.objects.get()
    assert (brand.name, brand.colour, brand.terms) == ("Cloudy", "#0a64c8", "Pay.")
    manager.post(page, asked | {"colour": ""})
    brand.refresh_from_db()
    assert brand.logo is not None
    manager.post(f"{page}/logo/remove")
    brand.refresh_from_db()
    assert brand.logo is None
    assert a_client(a_member(tree.customer, Role.OWNER)).get(page).status_code in (403, 404)


def test_mails_bear_the_name_and_answers_go_to_the_seller(
    tree: Tree, settings: LazySettings
) -> None:
    settings.DEFAULT_FROM_EMAIL = "Portal <portal@provider.test>"
    branded(tree.reseller)
    for organisation in (tree.customer, tree.direct):
        letter = outbox.Letter("k", Topic.ACCOUNT, "webhook_disabled")
        outbox.post(organisation, letter, at=NOON, to={"a@b.test": None})

    mine, theirs = (
        compose(Mail.objects.get(organisation=one)) for one in (tree.customer, tree.direct)
    )

    assert mine.from_email == formataddr(("Cloudy", "portal@provider.test"))
    assert mine.reply_to == ["help@cloudy.test"]
    assert (theirs.from_email, theirs.reply_to) == (settings.DEFAULT_FROM_EMAIL, [])


def test_a_picture_is_kept_once_and_never_changed(tree: Tree) -> None:
    branded(tree.reseller)
    branded(tree.reseller, name="Cloudier")

    assert Logo.objects.count() == 1
    with pytest.raises(IntegrityError, match="never changed"), transaction.atomic():
        Logo.objects.update(width=1)
    with scope.organisations([tree.cousin.pk]), connection.cursor():
        assert not Logo.objects.exists()
    with scope.organisations([tree.customer.pk]), connection.cursor():
        assert Logo.objects.count() == 1
