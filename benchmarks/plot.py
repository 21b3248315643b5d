"""A line plot as SVG, readable in light and dark pages. Knows nothing of what it shows."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 760, 360
LEFT, RIGHT, TOP, BOTTOM = 64, 24, 44, 48
COLOURS = ("#2a78c2", "#d0662a", "#3c9a5f", "#8a5bc0")


@dataclass(frozen=True)
class Curve:
    """A named row of points."""

    name: str
    points: list[tuple[float, float]]


def line_plot(
    curves: list[Curve], *, title: str, across: str, up: str, bound: tuple[float, str]
) -> str:
    """The plot; the vertical axis begins at 0 and reaches above the bound, a dashed line."""
    xs = [x for curve in curves for x, _ in curve.points]
    highest = max(bound[0], *(y for curve in curves for _, y in curve.points)) * 1.08
    x_low, x_high = 0.0, max(xs)

    def place(x: float, y: float) -> tuple[float, float]:
        wide, high = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
        left = LEFT + (x - x_low) / (x_high - x_low) * wide
        return round(left, 1), round(TOP + (1 - y / highest) * high, 1)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="system-ui, sans-serif" font-size="12">',
        "<style>text{fill:#555}.a{stroke:#999;stroke-width:.5}"
        "@media (prefers-color-scheme: dark){text{fill:#bbb}}</style>",
        f'<text x="{LEFT}" y="22" font-size="14">{escape(title)}</text>',
    ]
    for tick in _ticks(highest):
        left, top = place(x_low, tick)
        parts.append(f'<line class="a" x1="{left}" x2="{WIDTH - RIGHT}" y1="{top}" y2="{top}"/>')
        parts.append(f'<text x="{left - 8}" y="{top + 4}" text-anchor="end">{tick:g}</text>')
    for tick in (value for value in _ticks(x_high) if value <= x_high):
        left, top = place(tick, 0)
        parts.append(f'<text x="{left}" y="{top + 18}" text-anchor="middle">{tick:g}</text>')
    parts.append(f'<text x="{LEFT - 8}" y="{TOP - 8}" text-anchor="end">{escape(up)}</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(
        f'<text x="{middle}" y="{HEIGHT - 10}" text-anchor="middle">{escape(across)}</text>'
    )
    left, top = place(x_low, bound[0])
    parts.append(
        f'<line x1="{left}" x2="{WIDTH - RIGHT}" y1="{top}" y2="{top}" stroke="#c33" '
        f'stroke-dasharray="6 4"/><text x="{WIDTH - RIGHT}" y="{top - 5}" text-anchor="end">'
        f"{escape(bound[1])}</text>"
    )
    for index, curve in enumerate(curves):
        colour = COLOURS[index % len(COLOURS)]
        points = " ".join(f"{x},{y}" for x, y in (place(*point) for point in curve.points))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}"/>')
        down = TOP + 16 + 18 * index
        parts.append(
            f'<rect x="{LEFT + 12}" y="{down - 9}" width="14" height="3" fill="{colour}"/>'
            f'<text x="{LEFT + 32}" y="{down - 4}">{escape(curve.name)}</text>'
        )
    return "\n".join([*parts, "</svg>", ""])


def _ticks(highest: float) -> list[float]:
    step = next(
        factor * 10**power
        for power in range(-3, 12)
        for factor in (1, 2, 5)
        if highest / (factor * 10**power) <= 6
    )
    return [step * index for index in range(int(highest / step) + 1)]
