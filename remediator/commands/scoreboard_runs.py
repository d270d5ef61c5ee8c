"""Campaigns over several processes: each plays its own stories under one judge, and the oracle's word comes back."""

import gc
import logging
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from remediator.commands.simulate_runs import book_of
from remediator.simulate.baselines.lasting import lasting_story
from remediator.simulate.baselines.roster import baselines
from remediator.simulate.oracle.findings import Judgement
from remediator.simulate.oracle.judging import judged
from remediator.simulate.world.campaign import random_story
from remediator.simulate.world.play import play
from remediator.simulate.world.story import Story
from remediator.simulate.world.told import Build
from remediator.simulation.ours import Book, builder

OURS = "fleetmend"
# To start other processes takes longer than so few runs.
FEW = 16
Teller = Callable[["Job"], Story]


@dataclass(frozen=True, slots=True)
class Job:
    """One run: which judge, over which story. ``kind`` is a name in ``KINDS``."""

    judge: str
    seed: int
    hosts: int = 200
    minutes: float = 10.0
    faults: int | None = None
    kind: str = "campaign"
    rules: str = "."


@dataclass(frozen=True, slots=True)
class Judged:
    """What came of it, and the processor's seconds that it took."""

    job: Job
    judgement: Judgement
    seconds: float


KINDS: dict[str, Teller] = {
    "campaign": lambda job: random_story(job.seed, job.hosts, job.minutes, job.faults),
    "lasting": lambda job: lasting_story(job.seed, job.hosts, job.minutes, job.faults),
}


@cache
def _book(rules: str) -> Book:
    logging.getLogger("fleetmend").setLevel(logging.CRITICAL)
    return book_of(Path(rules))


def build_of(judge: str, rules: str) -> Build:
    return builder(_book(rules)) if judge == OURS else baselines()[judge]


def judged_job(job: Job) -> Judged:
    """Played and judged, in this process."""
    return judged_story(job, KINDS[job.kind](job))


def judged_story(job: Job, story: Story) -> Judged:
    """A story of one's own under the job's judge."""
    policy = _book(job.rules).policy
    began = time.process_time()
    run = play(story, build_of(job.judge, job.rules))
    seconds = time.process_time() - began
    return Judged(job, judged(run, policy.playbooks, policy.limits), seconds)


def _settled_in() -> None:
    """A process of many runs, each of which leaves little behind: what stays is not looked through at each turn."""
    gc.set_threshold(20_000, 20, 50)


def judged_all(
    jobs: Sequence[Job], processes: int = 0, play_one: Callable[[Job], Judged] = judged_job
) -> Iterator[Judged]:
    """All of them, as they end, over as many processes as there are cores; a few are played here, in order."""
    processes = processes or os.cpu_count() or 1
    if processes == 1 or len(jobs) < FEW:
        yield from map(play_one, jobs)
        return
    with multiprocessing.get_context("spawn").Pool(processes, initializer=_settled_in) as pool:
        yield from pool.imap_unordered(play_one, jobs)
