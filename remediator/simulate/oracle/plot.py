"""Wrong kills against seconds to replace, as an SVG without a library: the lower left corner is where to be."""

from collections.abc import Mapping
from html import escape
from math import log10

from remediator.simulate.oracle.findings import Sin
from remediator.simulate.oracle.tally import Tally, percentile

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 760, 420, 70, 190, 30, 55
# Seconds on a logarithmic axis; who never replaced anything stands at its end.
SHORTEST, LONGEST, NEVER = 1.0, 10_000.0, 10_000.0
TICKS = {1: "1 s", 10: "10 s", 60: "1 min", 600: "10 min", 1800: "30 min", NEVER: "never"}


def plotted(rows: Mapping[str, Tally]) -> str:
    """One point for each judge: the median of its seconds to replace, and its wrong kills."""
    most = max([1, *(tally.sins[Sin.WRONG_KILL] for tally in rows.values())])
    parts = [_frame(), *_ticks(most)]
    taken: list[tuple[float, float]] = []
    for number, (name, tally) in enumerate(rows.items()):
        x, y = _x(percentile(tally.replace, 50) or NEVER), _y(tally.sins[Sin.WRONG_KILL], most)
        parts.append(_point(name, x, y, _free(x, y, taken), ours=number == 0))
    title = "Wrong kills against seconds to replace"
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif"'
    return "\n".join([f'{head} font-size="13" role="img" aria-label="{title}">', *parts, "</svg>"]) + "\n"


def _x(seconds: float) -> float:
    share = (log10(min(max(seconds, SHORTEST), LONGEST)) - log10(SHORTEST)) / (log10(LONGEST) - log10(SHORTEST))
    return LEFT + share * (WIDTH - LEFT - RIGHT)


def _y(kills: float, most: int) -> float:
    return HEIGHT - BOTTOM - kills / most * (HEIGHT - TOP - BOTTOM)


def _frame() -> str:
    box = f'x="{LEFT}" y="{TOP}" width="{WIDTH - LEFT - RIGHT}" height="{HEIGHT - TOP - BOTTOM}"'
    middle = LEFT + (WIDTH - LEFT - RIGHT) / 2
    return (
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/><rect {box} fill="none" stroke="#999"/>'
        f'<text x="{middle:.0f}" y="{HEIGHT - 12}" text-anchor="middle">median seconds to replace</text>'
        f'<text x="16" y="{HEIGHT / 2:.0f}" text-anchor="middle" transform="rotate(-90 16 {HEIGHT / 2:.0f})">'
        "wrong kills</text>"
    )


def _ticks(most: int) -> list[str]:
    below, beside = HEIGHT - BOTTOM + 18, LEFT - 8
    across = [f'<text x="{_x(at):.1f}" y="{below}" text-anchor="middle">{name}</text>' for at, name in TICKS.items()]
    heights = sorted({0, most // 2, most})
    return across + [
        f'<text x="{beside}" y="{_y(count, most) + 4:.1f}" text-anchor="end">{count}</text>' for count in heights
    ]


def _free(x: float, y: float, taken: list[tuple[float, float]]) -> float:
    """A height for the label where no other one is near."""
    height = y
    while any(abs(height - other) < 15 and abs(x - where) < 150 for where, other in taken):
        height -= 15
    taken.append((x, height))
    return height


def _point(name: str, x: float, y: float, label: float, *, ours: bool) -> str:
    colour, size, weight = ("#0a7d38", 7, "bold") if ours else ("#444", 5, "normal")
    return (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{size}" fill="{colour}"/>'
        f'<text x="{x + 10:.1f}" y="{label + 4:.1f}" fill="{colour}" font-weight="{weight}">{escape(name)}</text>'
    )
