"""The work of `fleetmend replay`: read, replay once or twice, compare, tell."""

import argparse
import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from remediator.actions import ACTIONS
from remediator.clock import SystemClock
from remediator.commands.tables import say, say_json
from remediator.engine.evidence.lives import LifeTimes
from remediator.evaluation import evidence_times
from remediator.journal.reading import JournalReader, reading
from remediator.model.errors import BadInput, Problem
from remediator.model.policy import Policy
from remediator.policy.configuration import load_inventory, load_settings
from remediator.policy.load import load_policy
from remediator.runtime import reconcile
from remediator.runtime.effects import outcomes
from remediator.runtime.effects import written as effects
from remediator.runtime.ledger import Draft
from remediator.runtime.loop import note_demands, with_draft
from remediator.settings import InventoryHost, Settings
from remediator.simulate.replay.alerts import alerts_of
from remediator.simulate.replay.compare import ENOUGH, Comparison, compared, reproduced
from remediator.simulate.replay.evidence import past_of_store
from remediator.simulate.replay.house import House, Paces, Setting
from remediator.simulate.replay.html import as_html
from remediator.simulate.replay.journal import past_of
from remediator.simulate.replay.json import as_json
from remediator.simulate.replay.past import Past, Stretch
from remediator.simulate.replay.replay import replay
from remediator.simulate.replay.results import Replayed
from remediator.simulate.replay.revision import rules_at
from remediator.simulate.replay.text import timeline, told, told_against, told_reproduction
from remediator.simulate.replay.truth import Asked, Truths
from remediator.simulate.replay.world import World
from remediator.sources.history import SETTLED, History

HOUSE = House(
    draft=Draft,
    overlaid=with_draft,
    settle=reconcile.settle,
    forget=reconcile.forget,
    write=effects.write,
    ended=outcomes.succeeded,
    condemn=effects.condemn,
    demands=note_demands,
)


def replayed(args: argparse.Namespace, stretch: Stretch) -> int:
    """Everything from flags to exit code.

    Raises:
        BadInput, JournalUnusable, HistoryError: what was asked for cannot be done; one clear text each.
    """
    settings = load_settings(args.config, os.environ)
    settings = replace(settings, rules=args.rules or settings.rules, store_url=args.store or settings.store_url)
    policy = _policy(settings, settings.rules)
    stretch = _settled(stretch, settings)
    with _progress() as shown:
        truths = Truths(_asked(args, settings))
        past = _past(args, settings, stretch, truths, policy)
        found = _one(settings, policy, past, stretch, truths, shown)
        against = _against(args, settings, past, stretch, truths, shown) if args.against else None
    comparison = compared(found.decisions, against.decisions, found.names | against.names) if against else None
    other = (args.against, comparison) if comparison else None
    reproduction = reproduced(found, past.decisions) if _unchanged(past, policy) else None
    _tell(args, found, reproduction, other)
    poorly = reproduction is not None and reproduction.share < ENOUGH and not args.against
    return int(poorly or bool(comparison and not comparison.same))


def _settled(stretch: Stretch, settings: Settings) -> Stretch:
    """As far as the store tells the truth about ranges."""
    if settings.store_kind != "victoriametrics":
        return stretch
    end = min(stretch.end, SystemClock().now() - SETTLED)
    if end <= stretch.start:
        seconds = f"{SETTLED.total_seconds():.0f} s"
        raise BadInput(
            [Problem("", 0, 0, f"VictoriaMetrics does not tell the last {seconds} of a range: wait for them")]
        )
    return Stretch(stretch.start, end)


def _asked(args: argparse.Namespace, settings: Settings) -> Asked:
    history = History(settings.store_url, timedelta(seconds=120), settings.store_token_file)
    victoria = settings.store_kind == "victoriametrics"
    return Asked(history, victoria=victoria, step=args.step, spread=settings.evaluation_jitter)


def _policy(settings: Settings, rules: Path) -> Policy:
    policy = load_policy(rules, ACTIONS, settings.liveness_playbook)
    return replace(policy, limits=replace(policy.limits, patience=settings.patience))


def _past(args: argparse.Namespace, settings: Settings, stretch: Stretch, truths: Truths, policy: Policy) -> Past:
    folder = args.data or settings.data
    remote = bool(settings.journal) and not args.data
    if not args.no_journal and (remote or args.data or (folder / "journal.db").is_file()):
        with _remote(settings) if remote else reading(folder) as journal:
            return past_of(journal, stretch)
    least = min((group.interval for group in policy.groups), default=timedelta(seconds=15))
    step = max(args.step, least)
    return past_of_store(truths, stretch, step, settings.dead_after, _inventory(settings))


def _remote(settings: Settings) -> AbstractContextManager[JournalReader]:
    # Imported late: who keeps the journal in SQLite needs no client of PostgreSQL.
    from remediator.journal.postgres.place import PostgresPlace
    from remediator.journal.postgres.reading import reading_at

    return reading_at(PostgresPlace(settings.journal, settings.journal_password_file), "fleet")


def _inventory(settings: Settings) -> tuple[InventoryHost, ...]:
    return load_inventory(settings.hosts) if settings.hosts.is_file() else ()


def _one(
    settings: Settings, policy: Policy, past: Past, stretch: Stretch, truths: Truths, shown: "_Shown"
) -> Replayed:
    """One set of rules over the past."""
    total = sum(not rule.recording for group in policy.groups for rule in group.rules)
    asking = shown.task("asking the store", total)
    alerts, reports = alerts_of(policy, truths, stretch, past.closed(stretch), asking.advance)
    evidence = evidence_times(settings)
    on_return = {"": settings.on_return.default, **settings.on_return.apps}
    times = LifeTimes(evidence, settings.probation)
    setting = Setting(policy, ACTIONS, settings.liveness_playbook, times, on_return)
    deciding = shown.task("deciding", stretch.length.total_seconds())

    def heard(now: datetime) -> None:
        deciding.reached((now - stretch.start).total_seconds())

    found = replay(World(HOUSE, setting, past, Paces()), past, alerts, stretch, heard)
    deciding.reached(stretch.length.total_seconds())
    found.rules, found.sources, found.notes = reports, dict(past.sources), [*past.notes, *found.notes]
    return found


def _against(
    args: argparse.Namespace, settings: Settings, past: Past, stretch: Stretch, truths: Truths, shown: "_Shown"
) -> Replayed:
    with rules_at(args.against, settings.rules) as folder:
        try:
            policy = _policy(settings, folder)
        except BadInput as error:
            raise BadInput([_there(each, folder, args.against) for each in error.problems]) from None
    return _one(settings, policy, past, stretch, truths, shown)


def _there(problem: Problem, folder: Path, revision: str) -> Problem:
    """The problem with its place in that revision, not in the folder that it was taken out into."""
    return replace(problem, file=problem.file.replace(str(folder), f"{revision}:{folder.name}"))


def _unchanged(past: Past, policy: Policy) -> bool:
    """Whether the journal decided under these very rules; a journal that does not tell is taken at its word."""
    digests = {digest for _, digest in past.policies}
    return past.sources.get("fleet") == "journal" and digests <= {policy.digest}


def _tell(
    args: argparse.Namespace,
    found: Replayed,
    reproduction: Comparison | None,
    against: tuple[str, Comparison] | None,
) -> None:
    document = as_json(found, reproduction, against)
    if args.html:
        args.html.write_text(as_html(found, reproduction, against), encoding="utf-8")
    if args.json == "-":
        say_json(document)
        return
    if args.json:
        Path(args.json).write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    plain = not sys.stdout.isatty() or "utf" not in (sys.stdout.encoding or "").lower()
    for line in _lines(found, reproduction, against, plain=plain):
        say(line)


def _lines(
    found: Replayed, reproduction: Comparison | None, against: tuple[str, Comparison] | None, *, plain: bool
) -> Iterator[str]:
    yield from told(found)
    yield ""
    yield from timeline(found, shutil.get_terminal_size((110, 24)).columns, plain=plain)
    if reproduction:
        yield from told_reproduction(reproduction)
    if against:
        yield from told_against(against[1], against[0])


class _Task:
    def __init__(self, progress: Progress, name: str, total: float) -> None:
        self._progress = progress
        self._id = progress.add_task(name, total=max(total, 1))

    def advance(self, by: int) -> None:
        self._progress.advance(self._id, by)

    def reached(self, done: float) -> None:
        self._progress.update(self._id, completed=done)


class _Shown:
    """A bar for each part of the work, on standard error."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def task(self, name: str, total: float) -> _Task:
        return _Task(self._progress, name, total)


@contextmanager
def _progress() -> Iterator[_Shown]:
    console = Console(file=sys.stderr)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not sys.stderr.isatty()) as progress:
        yield _Shown(progress)
