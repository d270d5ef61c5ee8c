"""Playing stories and campaigns: reading rules, running, telling, and making a failure small."""

import argparse
import base64
import json
import logging
import sys
import time
from pathlib import Path
from typing import Any

from nacl.public import PrivateKey

from remediator.actions import ACTIONS
from remediator.model.errors import BadInput, Problem
from remediator.policy.load import load_policy
from remediator.simulate.folder import rules_in
from remediator.simulate.world.befalls import told
from remediator.simulate.world.campaign import random_story
from remediator.simulate.world.golden import EXPECT, STORY, broken_bounds, differences, folders_in, log_of
from remediator.simulate.world.play import play
from remediator.simulate.world.record import Run
from remediator.simulate.world.score import Score, score
from remediator.simulate.world.shrink import shrunk
from remediator.simulate.world.story import Story, read_story
from remediator.simulation.ours import Book, builder


def book_of(folder: Path) -> Book:
    """The rules of a folder, and a key that seals nothing that matters.

    Raises:
        BadInput: with everything that is wrong with the rules.
    """
    rules, liveness = rules_in(folder)
    box_key = base64.b64encode(bytes(PrivateKey.generate().public_key)).decode()
    return Book(load_policy(rules, ACTIONS, liveness), ACTIONS, liveness, box_key)


def stories(args: argparse.Namespace) -> int:
    """Each story: its log against the kept one, its score against its bounds."""
    folders = [folder for path in args.stories for folder in folders_in(path)]
    if not folders:
        raise BadInput([Problem(str(args.stories[0]), 0, 0, f"no {STORY} there")])
    book = book_of(args.rules)
    logging.getLogger("fleetmend").setLevel(logging.ERROR)
    failed, found = 0, []
    for folder in folders:
        story = read_story(folder / STORY)
        run = play(story, builder(book))
        scored = score(run)
        failed += _story_told(folder, story, run, scored, args)
        found.append({"story": story.name, "seed": run.seed, "ticks": run.ticks, **scored.as_json()})
    _write_json(args.json, found)
    sys.stdout.write(f"{len(folders)} stories, {failed} failed\n" if len(folders) > 1 else "")
    return 1 if failed else 0


def _story_told(folder: Path, story: Story, run: Run, scored: Score, args: argparse.Namespace) -> bool:
    """Whether it failed."""
    log = log_of(run, scored)
    if args.update:
        (folder / EXPECT).write_text(log, encoding="utf-8")
    wrong = broken_bounds(story, scored)
    differs = differences(folder, log) if (folder / EXPECT).exists() else []
    if not args.quiet and not differs:
        sys.stdout.write(f"{story.name}\n{log}")
    for line in [*(f"{story.name}: {text}" for text in wrong), *scored.wrong_kills, *differs]:
        sys.stdout.write(f"{line}\n")
    return bool(wrong or differs)


def campaigns(args: argparse.Namespace) -> int:
    """Seeds from ``--seed`` on; the first wrong kill of each failing one is made small and told."""
    book = book_of(args.rules)
    logging.getLogger("fleetmend").setLevel(logging.ERROR)
    found: list[dict[str, Any]] = []
    failed, began = 0, time.process_time()
    for seed in range(args.seed, args.seed + args.campaigns):
        story = random_story(seed, args.hosts, args.minutes, args.faults)
        run = play(story, builder(book))
        scored = score(run)
        found.append({"seed": seed, "faults": len(story.faults), "ticks": run.ticks, **scored.as_json()})
        if _fatal(scored):
            failed += 1
            _tell_failure(story, book)
    seconds = time.process_time() - began
    _write_json(args.json, found)
    pace = args.campaigns / max(seconds, 1e-9)
    sys.stdout.write(f"{args.campaigns} campaigns, {failed} failed, {pace:.1f} a second of one core\n")
    return 1 if failed else 0


def _fatal(scored: Score) -> bool:
    numbers = scored.numbers()
    return any(numbers[name] for name in ("wrong_kills", "double_routable", "lost_requests", "budget_breaches"))


def _tell_failure(story: Story, book: Book) -> None:
    small = shrunk(story, lambda candidate: _fatal(score(play(candidate, builder(book)))))
    sys.stdout.write(f"seed {story.seed} fails with {len(small.faults)} of {len(story.faults)} faults:\n")
    for fault in small.faults:
        span = "to the end" if fault.span is None else f"for {fault.span:g} s"
        sys.stdout.write(f"  at {fault.at:g} s {span}: {told(fault)}\n")
    for wish in small.wishes:
        sys.stdout.write(f"  at {wish.at:g} s: {wish.by} asks to {wish.kind} {', '.join(wish.subjects)}\n")
    again = score(play(small, builder(book)))
    worst = [*again.wrong_kills, *again.lost_requests, *again.budget_breaches]
    sys.stdout.write(
        "".join(f"  -> {line}\n" for line in worst[:5] or [f"double routable {again.double_routable:g} s"])
    )


def _write_json(target: str | None, found: list[dict[str, Any]]) -> None:
    if target is None:
        return
    text = json.dumps(found, indent=1) + "\n"
    if target == "-":
        sys.stdout.write(text)
    else:
        Path(target).write_text(text, encoding="utf-8")
