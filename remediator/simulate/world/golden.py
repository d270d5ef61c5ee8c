"""Golden logs: what a story's run tells, compact enough to be read, compared with what was kept."""

import re
from collections.abc import Collection, Iterable, Iterator
from difflib import unified_diff
from itertools import groupby
from pathlib import Path

from remediator.simulate.world.record import Run
from remediator.simulate.world.score import Score
from remediator.simulate.world.story import Story

STORY, EXPECT = "scenario.yaml", "events.expect"
# So many lines that say the same of others are told one by one.
FOLDED = 2
Line = tuple[float, str]
_WORD = re.compile(r"[\w.+-]*\w")
# What is written at the end, where it is not nothing.
SHOWN = (
    "detect", "undetected", "replace", "replaced", "wrong_kills", "needless", "double_run", "double_routable",
    "undead", "machine_minutes_lost", "human_touches", "lost_requests", "budget_breaches",
)  # fmt: skip


def log_of(run: Run, score: Score) -> str:
    """The whole log, a line for each event, and the score."""
    names = {*run.truth.hosts, *(ran.machine for ran in run.truth.ran), *(ran.line for ran in run.truth.ran)}
    lines = [f"{at:8.2f}  {text}" for at, text in _folded(run.lines, names)]
    numbers = score.numbers()
    told = [f"{name} {numbers[name]:.2f}".rstrip("0").rstrip(".") for name in SHOWN if round(numbers[name], 2)]
    return "\n".join([*lines, "score: " + (", ".join(told) or "all is well")]) + "\n"


def _folded(lines: Iterable[Line], names: Collection[str]) -> Iterator[Line]:
    """Lines of one moment that differ in names alone are one line, with how often it was said."""
    for at, same in groupby(lines, key=lambda line: line[0]):
        shapes: dict[str, list[str]] = {}
        for _, text in same:
            shapes.setdefault(_WORD.sub(lambda word: "*" if _named(word[0], names) else word[0], text), []).append(
                text
            )
        for alike in shapes.values():
            few = len(alike) <= FOLDED
            yield from ((at, text) for text in (alike if few else [f"{alike[0]} ({len(alike)} like it)"]))


def _named(word: str, names: Collection[str]) -> bool:
    return word.partition("+")[0] in names


def differences(folder: Path, log: str) -> list[str]:
    """How the log differs from the one that was kept; empty where it does not."""
    kept = folder / EXPECT
    before = kept.read_text(encoding="utf-8") if kept.exists() else ""
    return list(unified_diff(before.splitlines(), log.splitlines(), str(kept), "this run", lineterm="", n=2))


def broken_bounds(story: Story, score: Score) -> list[str]:
    """What the story wishes of the score and did not get; a wrong kill is never wished for."""
    numbers = score.numbers()
    wished = {"wrong_kills": 0.0, "double_routable": 0.0, "lost_requests": 0.0, **story.bounds}
    return [f"{name} is {numbers[name]:g}, at most {most:g}" for name, most in wished.items() if numbers[name] > most]


def folders_in(path: Path) -> list[Path]:
    """The stories that a path means: one folder, its file, or a folder of folders."""
    if path.name == STORY:
        return [path.parent]
    if (path / STORY).exists():
        return [path]
    return sorted(found.parent for found in path.glob(f"*/{STORY}"))
