"""Tables and JSON for the terminal: rich when there is one, plain columns otherwise."""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TextIO

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

GAP, TAB = "  ", 8
UNITS = (("year", 31536000), ("month", 2592000), ("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1))
STYLES = {
    "ok": "green", "healthy": "green", "started": "green", "serving": "green", "alive": "green",
    "unknown": "yellow", "suspect": "yellow", "held": "yellow", "waiting": "yellow", "hold": "yellow",
    "unreachable": "bold red", "dead": "bold red", "failed": "bold red", "condemned": "bold red",
    "destroying": "yellow", "returning": "blue", "probation": "blue", "placed": "blue", "act": "blue",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Listing:
    """Rows under headings; ``footer`` is printed below, when there is one."""

    headings: tuple[str, ...]
    rows: Sequence[Sequence[str]]
    footer: str = ""
    none: str = "none"
    # Columns that end at tab stops, as other clients of the Machines API print them.
    tabbed: bool = False


def say(text: str, stream: TextIO | None = None) -> None:
    """One line on standard output."""
    (stream or sys.stdout).write(f"{clean(text)}\n")


def say_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def show(listing: Listing, stream: TextIO | None = None) -> None:
    """Prints the listing as the stream can take it."""
    out = stream or sys.stdout
    if not listing.rows:
        say(listing.none, out)
    elif out.isatty():
        _print(listing, Console(file=out, highlight=False))
    else:
        out.write(plain(listing))
    if listing.footer:
        say(f"\n{listing.footer}", out)


def _print(listing: Listing, console: Console) -> None:
    """A rich table where there is room for it; else whole lines, for an id that is folded is no use to anybody."""
    lines = plain(listing)
    if max(map(cell_len, lines.splitlines())) <= console.width:
        console.print(_rich(listing))
    else:
        console.print(lines, markup=False, soft_wrap=True, end="")


def plain(listing: Listing) -> str:
    """Columns padded with spaces, one row a line."""
    gap = "" if listing.tabbed else GAP
    rows = [listing.headings, *([clean(cell) for cell in row] for row in listing.rows)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(listing.headings))]
    if listing.tabbed:
        widths = [(width // TAB + 1) * TAB for width in widths]
    lines = (gap.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)
    return "".join(f"{line}\n" for line in lines)


def _rich(listing: Listing) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for heading in listing.headings:
        table.add_column(heading, overflow="fold")
    for row in listing.rows:
        # Text, not str: a name may hold what rich would read as markup.
        table.add_row(*(Text(clean(cell), style=STYLES.get(cell, "")) for cell in row))
    return table


def clean(text: str) -> str:
    """Without control characters: names and reasons are other people's words, and terminals obey them."""
    return "".join(each for each in text if each.isprintable() or each == "\n")


def moment(text: str | None) -> str:
    """An RFC 3339 moment as ``2024-08-10 03:12:05Z``; empty stays empty."""
    if not text:
        return ""
    return f"{datetime.fromisoformat(text).astimezone(UTC):%Y-%m-%d %H:%M:%S}Z"


def ago(text: str | None, now: datetime) -> str:
    """An RFC 3339 moment as ``17 hours ago``, in the largest whole unit; empty stays empty."""
    if not text:
        return ""
    seconds = (now - datetime.fromisoformat(text)).total_seconds()
    for unit, length in UNITS:
        if seconds >= length:
            number = int(seconds // length)
            return f"{number} {unit}{'s' if number > 1 else ''} ago"
    return "just now"
