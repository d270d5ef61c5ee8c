"""What a benchmark came to, in one file: its figures, the commit that they are of, whether the sample was whole.

Kept in docs/figures/NAME.json; ``python -m tests.bench.report >docs/figures.md`` prints the page about all of them.
"""

import json
import subprocess
from dataclasses import asdict
from pathlib import Path

from tests.bench.figure import Figure

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "docs" / "figures"
HEAD = """# Figures

Each table was printed by `scripts/bench NAME`, and `--json docs/figures/NAME.json` kept it: of the commit it names,
on two cores. *Full* is the whole sample of `--full`. This page is made of those files:
`python -m tests.bench.report >docs/figures.md`.
"""
COLUMNS = "| figure | value | unit | target | holds | peer |\n|---|---|---|---|---|---|"


def commit(root: Path = ROOT) -> str:
    """The commit that was measured; "-dirty" where files were changed since, "" without git."""
    told = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    return told.stdout.strip()


def as_json(figures: list[Figure], *, full: bool) -> str:
    """The figures for machines."""
    told = {"commit": commit(), "full": full, "figures": [asdict(figure) for figure in figures]}
    return json.dumps(told, indent=2) + "\n"


def page(kept: Path = KEPT) -> str:
    """All that is kept, benchmark by benchmark."""
    return "\n".join([HEAD, *(_section(path) for path in sorted(kept.glob("*.json")))])


def _section(path: Path) -> str:
    told = json.loads(path.read_text(encoding="utf-8"))
    head = f"## {path.stem}\n\nCommit `{told['commit']}`{', full' if told['full'] else ''}.\n"
    rows = [_row(Figure(**each)) for each in told["figures"]]
    return "\n".join([head, COLUMNS, *rows, ""])


def _row(figure: Figure) -> str:
    value = "not measured" if figure.value is None else f"{figure.value:.6g}"
    holds = "yes" if figure.holds else "**no**"
    cells = (figure.name, value, figure.unit, figure.target, holds, figure.peer)
    return f"| {' | '.join(cells)} |".replace("|  |", "| |").replace("|  |", "| |")


if __name__ == "__main__":
    print(page(), end="")
