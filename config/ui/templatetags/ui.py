"""Tags of the design layer, there in every template without `load` (docs/design-layer.md)."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from django import template
from django.forms import BaseForm, BoundField, CheckboxInput, CheckboxSelectMultiple, RadioSelect
from django.http import QueryDict
from django.template.context import Context
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.timezone import now

from config.ui import charts, tones, words
from config.ui.icons import icon_svg
from erp.base.periods import Period

register = template.Library()


@register.simple_tag
def icon(name: str, size: int = 0, style: str = "mini", label: str = "") -> SafeString:
    """Draw a heroicon: `{% icon "server" %}`, with a label only when no word stands beside it."""
    sizes = {"micro": 16, "mini": 18, "outline": 20, "solid": 20}
    return icon_svg(name, style, size or sizes[style], label)


@register.simple_tag
def money(amount: Any, currency: str = "") -> SafeString:
    """Write an object with `.minor` and `.currency`, or minor units and a currency."""
    if amount is None or amount == "":
        return mark_safe('<span class="muted">–</span>')
    minor, code = (int(amount), currency) if currency else (amount.minor, amount.currency)
    return format_html('<span class="money">{}</span>', words.money(minor, code))


@register.filter(name="money")
def money_filter(amount: Any, currency: str = "") -> str:
    """Write an amount as plain words, for titles and sentences."""
    minor, code = (int(amount), currency) if currency else (amount.minor, amount.currency)
    return words.money(minor, code)


@register.simple_tag
def moment(at: datetime | None, none: str = "never") -> SafeString:
    """Write how long ago, or in how long; the exact time appears on hover and on focus."""
    if at is None:
        return format_html('<span class="muted">{}</span>', none)
    markup = (
        '<relative-time><time class="moment" tabindex="0" datetime="{}" data-exact="{}">{}'
        "</time></relative-time>"
    )
    return format_html(markup, at.isoformat(), words.exactly(at), words.relatively(at, now()))


@register.filter
def exactly(at: datetime) -> str:
    """Write the exact time with its zone."""
    return words.exactly(at)


@register.filter
def day(at: datetime) -> str:
    """Write the date."""
    return words.day(at)


@register.simple_tag
def period(value: Any, end: datetime | None = None) -> str:
    """Write a Period, or a start and an end, half-open."""
    return words.period(value if isinstance(value, Period) else Period(value, end or now()))


@register.inclusion_tag("components/state.html")
def state(
    of: Any, since: Any = None, reason: str = "", label: str = "", brief: bool = False
) -> Any:
    """Show a state with its icon, word, reason and since when.

    Args:
        of: a row with `state`, `state_since` and `state_reason`, or the word of a state.
        label: says it in other words than the state's own.
        brief: the badge alone, for a table that has its own columns for the rest.
    """
    word = str(of.state if hasattr(of, "state") else of)
    look = tones.look_of(word)
    if hasattr(of, "state"):
        since, reason = since or of.state_since, reason or of.state_reason
    facts = {"label": label or tones.label_of(word), "tone": look.tone, "icon": look.icon}
    moving = look == tones.BUSY
    return facts | {
        "moving": moving,
        "since": None if brief else since,
        "reason": "" if brief else reason,
    }


@register.filter
def plain(number: Decimal) -> str:
    """Write an exact number without an exponent or needless zeros."""
    return f"{number.normalize():f}"


@register.filter
def signed(number: Decimal) -> str:
    """Write an exact number with its sign: what is added or taken off."""
    return f"{number.normalize():+f}".replace("-", "\N{MINUS SIGN}")


@register.filter
def tone(word: str) -> str:
    """Return the tone of a state's word: ok, warn, bad, busy, idle."""
    return tones.look_of(str(word)).tone


@register.filter
def look_icon(word: str) -> str:
    """Return the icon of a state's word."""
    return tones.look_of(str(word)).icon


@register.filter
def state_label(word: str) -> str:
    """Return `partly_paid` as `Partly paid`."""
    return tones.label_of(str(word))


@register.inclusion_tag("components/field.html")
def field(
    bound: BoundField, label: str = "", help: str = "", prefix: str = "", suffix: str = ""
) -> Any:
    """Show a field: label, control, help, and the error beside it."""
    widget = bound.field.widget
    if not bound.is_hidden and not isinstance(widget, CheckboxInput):
        bound.field.help_text = help or bound.field.help_text
    return {
        "field": bound,
        "label": label or bound.label,
        "help": help or bound.help_text,
        "is_check": isinstance(widget, CheckboxInput),
        "is_group": isinstance(widget, RadioSelect | CheckboxSelectMultiple),
        "prefix": prefix,
        "suffix": suffix,
    }


@register.inclusion_tag("components/fields.html")
def fields(form: BaseForm, grid: bool = False) -> Any:
    """Show the error summary and every field of a form, in its order."""
    return {"form": form, "grid": grid}


@register.inclusion_tag("components/error_summary.html")
def error_summary(form: BaseForm) -> Any:
    """List what is wrong with a form, each with a link to its field."""
    faults = [
        (bound.label, bound.id_for_label or bound.auto_id, error)
        for bound in form
        for error in bound.errors
    ]
    return {"general": form.non_field_errors(), "faults": faults, "form": form}


@register.inclusion_tag("components/sort_head.html", takes_context=True)
def th(context: Context, label: str, sort: str = "", number: bool = False) -> Any:
    """Show a column's head; with `sort` it is a link that keeps the other parameters.

    The order lives in the URL: `?sort=name`, `?sort=-name`.
    """
    asked: QueryDict = (
        context["request"].GET.copy() if "request" in context else QueryDict("", True)
    )
    current = asked.get("sort", "")
    direction = {sort: "ascending", f"-{sort}": "descending"}.get(current, "") if sort else ""
    asked["sort"] = f"-{sort}" if direction == "ascending" else sort
    asked.pop("cursor", None)
    href = f"?{asked.urlencode()}" if sort else ""
    return {"label": label, "href": href, "direction": direction, "number": number}


@register.inclusion_tag("components/chart.html")
def chart(
    points: Sequence[tuple[object, object]], label: str, unit: str = "", kind: str = "line"
) -> Any:
    """Draw (label, value) pairs as a line or as bars, with the same data as a table.

    Args:
        points: pairs in order; a value of None is a gap: nothing was measured.
        kind: `line` or `bar`.
    """
    found = charts.points_of(points)
    drawn = charts.plot(found, kind=kind)
    last = len(found) - 1
    marks = [found[i].label for i in sorted({0, last // 2, last})] if found else []
    rows = [(p, x) for p, x in zip(found, drawn.centres, strict=True)]
    axis = [f"{value.normalize():f}" for value in (drawn.top, drawn.top / 2)] + ["0"]
    named = {"label": label, "unit": unit, "width": charts.WIDTH, "height": charts.HEIGHT}
    return named | {"plot": drawn, "rows": rows, "axis": axis, "marks": marks}


@register.simple_block_tag
def panel(
    content: str, title: str = "", flush: bool = False, href: str = "", link: str = ""
) -> SafeString:
    """Put a card around content: `{% panel title="Usage" %}…{% endpanel %}`.

    Args:
        flush: no padding, for a table or a list that reaches the edges.
        href: with `link`, a link at the right of the title.
    """
    more = format_html('<a class="small" href="{}">{}</a>', href, link) if href else ""
    head = format_html('<div class="panel-head"><h2>{}</h2>{}</div>', title, more) if title else ""
    inner = "panel-body flush" if flush else "panel-body"
    return format_html(
        '<section class="panel">{}<div class="{}">{}</div></section>', head, inner, content
    )


@register.simple_block_tag
def page_header(content: str, title: str, lead: str = "", of: Any = None) -> SafeString:
    """Head a page: title, the state of an object, one sentence; the content is its actions.

    `{% page_header title=contract.reference of=contract %}<a class="button">…{% endpage_header %}`
    """
    actions = mark_safe(content.strip())  # noqa: S308 (rendered by the page's own template)
    facts = {"title": title, "lead": lead, "of": of, "actions": actions}
    return render_to_string("components/page_header.html", facts)
