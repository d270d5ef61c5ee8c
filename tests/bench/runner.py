"""Run a benchmark of this folder: `scripts/bench --list`, `scripts/bench NAME [--json FILE] [--runs N] [--full]`.

A benchmark is a module with a docstring, whose first line is listed, and `figures(runs: int) -> list[Figure]`. One
that has more to measure than fits into eight minutes also takes `full: bool` by name.
"""

import argparse
import ast
import importlib
import inspect
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.bench.figure import Figure
from tests.bench.report import as_json

FOLDER = Path(__file__).parent
DEFAULT_RUNS = 5
WIDTH = 132  # names and peers are not to be cut off


def benchmarks(folder: Path = FOLDER) -> dict[str, str]:
    """Name to the first line of the docstring, of every module that has a `figures` function; imports none."""
    found: dict[str, str] = {}
    for path in sorted(folder.glob("*.py")):
        module = ast.parse(path.read_text(encoding="utf-8"))
        if any(isinstance(node, ast.FunctionDef) and node.name == "figures" for node in module.body):
            found[path.stem] = (ast.get_docstring(module) or "").partition("\n")[0]
    return found


def as_table(name: str, figures: list[Figure]) -> Table:
    """The figures for people."""
    table = Table(title=name, title_justify="left")
    for heading in ("figure", "value", "unit", "target", "holds", "peer"):
        table.add_column(heading)
    for figure in figures:
        value = "not measured" if figure.value is None else f"{figure.value:.6g}"
        holds = "yes" if figure.holds else "NO"
        table.add_row(figure.name, value, figure.unit, figure.target, holds, figure.peer)
    return table


def load(name: str, *, full: bool = False) -> Callable[[int], list[Figure]]:
    """The benchmark's `figures`, told to measure the whole where it can."""
    figures: Callable[..., list[Figure]] = importlib.import_module(f"tests.bench.{name}").figures
    if "full" in inspect.signature(figures).parameters:
        return partial(figures, full=full)
    return figures


def parse_arguments(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench", description="Run one benchmark and print its figures.")
    parser.add_argument("name", nargs="?", metavar="NAME", help="see --list")
    parser.add_argument("--list", action="store_true", help="name every benchmark")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    parser.add_argument(
        "--runs", type=int, default=DEFAULT_RUNS, help=f"how often to measure (default {DEFAULT_RUNS})"
    )
    parser.add_argument("--full", action="store_true", help="the whole sample, for hours, where there is more")
    parsed = parser.parse_args(arguments)
    if not parsed.list and parsed.name not in benchmarks():
        parser.error(f"name one of: {', '.join(benchmarks())}")
    if parsed.runs < 1:
        parser.error("--runs must be at least 1")
    return parsed


def main(arguments: list[str]) -> int:
    """0 when every figure holds, 1 when one does not, 2 when the figures cannot be written."""
    parsed = parse_arguments(arguments)
    if parsed.list:
        for name, line in benchmarks().items():
            print(f"{name:12} {line}")
        return 0
    figures = load(parsed.name, full=parsed.full)(parsed.runs)
    Console(width=WIDTH).print(as_table(parsed.name, figures))
    if parsed.json:
        try:
            parsed.json.write_text(as_json(figures, full=parsed.full), encoding="utf-8")
        except OSError as error:
            sys.stderr.write(f"{parsed.json}: {error.strerror}\n")
            return 2
    return 0 if all(figure.holds for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
