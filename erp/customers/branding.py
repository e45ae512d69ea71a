"""The brand of a seller: what its customers see instead of ours, on pages, mails and documents."""

import io
import warnings
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import IO

from django.db import transaction
from PIL import Image, UnidentifiedImageError

from erp.base.errors import DomainError
from erp.base.journal import record
from erp.customers.models import Brand, Logo, Organisation
from erp.customers.states import Kind

MOST_BYTES = 1024 * 1024
MOST_PIXELS = 16_000_000
# What is kept: twice what pages and documents show, so that it is sharp everywhere.
WIDEST, HIGHEST = 640, 160
FORMATS = ("PNG", "JPEG", "WEBP")


class BadLogo(DomainError):
    """This cannot be a logo."""

    code = "bad_logo"
    status = 422


class NoSeller(DomainError):
    """Only who sells has a brand."""

    code = "no_seller"


@dataclass(frozen=True, slots=True)
class Look:
    """What a seller shows of itself.

    Args:
        reply_to: where answers to its mails go.
        terms: printed at the end of its invoices.
    """

    name: str
    colour: str = ""
    reply_to: str = ""
    terms: str = ""


def brand_of(organisation: Organisation) -> Brand | None:
    """Return the brand under which an organisation is served: its seller's; a seller its own."""
    own = getattr(organisation, "brand", None)
    if own is not None or organisation.parent is None:
        return own
    found: Brand | None = getattr(organisation.parent, "brand", None)
    return found


def redrawn(upload: IO[bytes]) -> tuple[bytes, tuple[int, int]]:
    """Return a picture drawn anew as PNG, without anything else that was in the file; its size.

    Raises:
        BadLogo: it is too large, or none of the formats; an SVG may carry programs.
    """
    content = upload.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise BadLogo("The file is larger than 1 MiB: save the logo smaller.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=FORMATS) as picture:
                if picture.width * picture.height > MOST_PIXELS:
                    raise BadLogo("The picture has more than 16 million pixels: save it smaller.")
                drawn = picture.convert("RGBA")
    except (UnidentifiedImageError, Image.DecompressionBombWarning) as error:
        raise BadLogo(
            "This is no PNG, JPEG or WebP picture. An SVG is not taken, because it may carry "
            "programs: save it as PNG."
        ) from error
    except (OSError, ValueError, SyntaxError) as error:
        raise BadLogo("The picture is damaged: save it again.") from error
    drawn.thumbnail((WIDEST, HIGHEST), Image.Resampling.LANCZOS)
    target = io.BytesIO()
    drawn.save(target, "PNG", optimize=True)
    return target.getvalue(), drawn.size


@transaction.atomic
def set_brand(
    seller: Organisation, look: Look, *, at: datetime, by: str, logo: IO[bytes] | None = None
) -> Brand:
    """Set the brand of a seller; without a logo the one that is there stays.

    Raises:
        NoSeller: a customer sells nothing.
        BadLogo: see `redrawn`.
    """
    if seller.kind == Kind.CUSTOMER:
        raise NoSeller
    facts = {
        "name": look.name,
        "colour": look.colour,
        "reply_to": look.reply_to,
        "terms": look.terms,
        "changed_at": at,
    }
    if logo is not None:
        facts["logo"] = _kept(seller, *redrawn(logo))
    brand, _ = Brand.objects.update_or_create(organisation=seller, defaults=facts)
    seen = {name: str(value) for name, value in facts.items() if name not in ("changed_at", "logo")}
    record(seller, "brand_set", at=at, by=by, logo=brand.logo_id is not None, **seen)
    return brand


@transaction.atomic
def remove_logo(seller: Organisation, *, at: datetime, by: str) -> None:
    """Show the name instead; documents keep the logo that they were issued with."""
    if Brand.objects.filter(organisation=seller).exclude(logo=None).update(logo=None):
        record(seller, "logo_removed", at=at, by=by)


def _kept(seller: Organisation, png: bytes, size: tuple[int, int]) -> Logo:
    width, height = size
    facts = {"png": png, "width": width, "height": height}
    made, _ = Logo.objects.get_or_create(
        organisation=seller, sha256=sha256(png).hexdigest(), defaults=facts
    )
    return made
