"""`fleetmend simulate --scoreboard`: ours and what others do, on the same seeds: a table, JSON and a plot."""

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from remediator.commands.scoreboard_runs import OURS, Job, judged_all
from remediator.simulate.baselines.roster import baselines
from remediator.simulate.oracle.findings import Sin
from remediator.simulate.oracle.plot import plotted
from remediator.simulate.oracle.tally import Tally, bound, percentile

WIDTH = 160


def run(args: argparse.Namespace) -> int:
    """0 when ours made no wrong kill, nothing was routable twice and no request was lost; else 1."""
    rows: dict[str, Tally] = {name: Tally() for name in (OURS, *baselines())}
    jobs = [
        Job(name, seed, args.hosts, args.minutes, args.faults, "lasting", str(args.rules))
        for seed in range(args.seed, args.seed + args.campaigns)
        for name in rows
    ]
    for judged in judged_all(jobs):
        rows[judged.job.judge].add(judged.judgement)
    _printed(args, rows)
    _written(args, rows)
    return 1 if any(rows[OURS].sins[sin] for sin in (Sin.WRONG_KILL, Sin.DOUBLE_ROUTABLE, Sin.LOST_REQUEST)) else 0


def _printed(args: argparse.Namespace, rows: Mapping[str, Tally]) -> None:
    # A machine's view takes standard output for itself.
    out = sys.stderr if args.json == "-" else sys.stdout
    ours = rows[OURS]
    console = Console(width=WIDTH, file=out)
    console.print(as_table(rows))
    last = args.seed + args.campaigns - 1
    out.write(
        f"{args.campaigns} campaigns of {args.hosts} hosts and {args.minutes:g} virtual minutes, "
        f"seeds {args.seed} to {last}.\n"
        f"With no wrong kill in {ours.runs} runs their rate is below {bound(ours.runs):.2g} a run (95 %).\n"
    )


def as_table(rows: Mapping[str, Tally]) -> Table:
    """A column for each judge, a row for each figure; a dash where there was nothing to measure."""
    table = Table()
    table.add_column("")
    for name in rows:
        table.add_column(name, justify="right")
    for sin, words in _SINS.items():
        table.add_row(words, *(str(tally.sins[sin]) for tally in rows.values()))
    table.add_row("needless replacements", *(str(sum(tally.needless.values())) for tally in rows.values()))
    for words, share in (("median", 50), ("p99", 99)):
        table.add_row(f"seconds to detect, {words}", *(_span(tally.detect, share) for tally in rows.values()))
    for words, share in (("median", 50), ("p99", 99)):
        table.add_row(f"seconds to replace, {words}", *(_span(tally.replace, share) for tally in rows.values()))
    table.add_row("machines replaced", *(str(len(tally.replace)) for tally in rows.values()))
    table.add_row("machines not replaced", *(str(tally.unreplaced) for tally in rows.values()))
    for sum_, words in _SUMS.items():
        table.add_row(words, *(f"{tally.sums[sum_]:.0f}" for tally in rows.values()))
    return table


_SINS = {
    Sin.WRONG_KILL: "wrong kills",
    Sin.DOUBLE_ROUTABLE: "two routable at once",
    Sin.DOUBLE_MOUNT: "two writers of a volume",
    Sin.BUDGET: "over our budgets",
    Sin.GATE: "through a closed gate",
    Sin.LOST_REQUEST: "lost requests",
}
_SUMS = {
    "undead_s": "undead seconds",
    "double_run_s": "double-run seconds",
    "machine_minutes_lost": "machine-minutes lost",
    "human_touches": "people asked",
}


def _span(samples: list[float], share: float) -> str:
    return f"{percentile(samples, share):.1f}" if samples else "-"


def _written(args: argparse.Namespace, rows: Mapping[str, Tally]) -> None:
    if args.plot:
        Path(args.plot).write_text(plotted(rows), encoding="utf-8")
    if args.json:
        told: dict[str, Any] = {
            "campaigns": args.campaigns,
            "seed": args.seed,
            "hosts": args.hosts,
            "virtual_minutes": args.minutes,
            "judges": {name: tally.as_json() for name, tally in rows.items()},
        }
        text = json.dumps(told, indent=1) + "\n"
        if args.json == "-":
            sys.stdout.write(text)
        else:
            Path(args.json).write_text(text, encoding="utf-8")
