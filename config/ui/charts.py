"""The geometry of a chart: points in, coordinates of SVG shapes out; no markup, no clock."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

WIDTH, HEIGHT = 1000, 200


@dataclass(frozen=True, slots=True)
class Point:
    """One value at a label; `None` says that nothing was measured, which is not zero."""

    label: str
    value: Decimal | None


@dataclass(frozen=True, slots=True)
class Bar:
    """A rectangle in the plot; a gap fills the height in grey."""

    x: str
    y: str
    width: str
    height: str
    gap: bool


@dataclass(frozen=True, slots=True)
class Plot:
    """What the template draws."""

    top: Decimal
    lines: tuple[str, ...]
    areas: tuple[str, ...]
    bars: tuple[Bar, ...]
    centres: tuple[str, ...]


def points_of(rows: Sequence[tuple[object, object]]) -> list[Point]:
    """Return the points of (label, value) pairs."""
    return [Point(str(label), None if v is None else Decimal(str(v))) for label, v in rows]


def nice_top(largest: Decimal) -> Decimal:
    """Return the end of the axis: 1, 2, 2.5 or 5 times a power of ten, not below the largest."""
    if largest <= 0:
        return Decimal(1)
    power = Decimal(1).scaleb(largest.adjusted())
    share = largest / power
    step = next(s for s in map(Decimal, ("1", "2", "2.5", "5", "10")) if share <= s)
    return (step * power).normalize()


def plot(points: Sequence[Point], *, kind: str) -> Plot:
    """Lay out the points from left to right over the whole width."""
    top = nice_top(max((p.value for p in points if p.value is not None), default=Decimal(0)))
    slot = Decimal(WIDTH) / max(len(points), 1)
    centres = tuple(_number(slot * i + slot / 2) for i in range(len(points)))
    if kind == "bar":
        return Plot(top, (), (), tuple(_bars(points, slot, top)), centres)
    runs = [run for run in _runs(points, centres, top) if run]
    areas = tuple(
        f"{r[0].split(',')[0]},{HEIGHT} {' '.join(r)} {r[-1].split(',')[0]},{HEIGHT}" for r in runs
    )
    return Plot(
        top, tuple(" ".join(run) for run in runs), areas, tuple(_gaps(points, slot)), centres
    )


def _runs(points: Sequence[Point], centres: Sequence[str], top: Decimal) -> list[list[str]]:
    """Split the line where nothing was measured."""
    runs: list[list[str]] = [[]]
    for point, x in zip(points, centres, strict=True):
        if point.value is None:
            runs.append([])
        else:
            runs[-1].append(f"{x},{_number(_height(point.value, top))}")
    return runs


def _bars(points: Sequence[Point], slot: Decimal, top: Decimal) -> list[Bar]:
    inset, width = slot * Decimal("0.1"), slot * Decimal("0.8")
    result = []
    for i, point in enumerate(points):
        y = Decimal(0) if point.value is None else _height(point.value, top)
        x = slot * i + inset
        bar = Bar(_number(x), _number(y), _number(width), _number(HEIGHT - y), point.value is None)
        result.append(bar)
    return result


def _gaps(points: Sequence[Point], slot: Decimal) -> list[Bar]:
    return [
        Bar(_number(slot * i), "0", _number(slot), str(HEIGHT), gap=True)
        for i, point in enumerate(points)
        if point.value is None
    ]


def _height(value: Decimal, top: Decimal) -> Decimal:
    return HEIGHT - max(value, Decimal(0)) * HEIGHT / top


def _number(value: Decimal) -> str:
    """Return a coordinate with at most one decimal: bytes matter in a page of 60 KB."""
    return f"{value.quantize(Decimal('0.1')).normalize():f}"
