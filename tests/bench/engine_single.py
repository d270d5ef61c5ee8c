"""A single independent death with room elsewhere is acted upon; a whole rack with proof recovers without a person.

Each sample is a fleet of 60 hosts in six racks in which one host loses its power for good at a random moment, and
nothing else is wrong; every machine without a volume must run elsewhere within five minutes, whatever the reason why
not. The racks: all ten hosts of one lose their power, their BMCs say so, and every such machine must run elsewhere.
"""

from collections.abc import Callable
from random import Random

from remediator.commands.scoreboard_runs import OURS, Job, Judged, judged_all, judged_story
from remediator.simulate.oracle.tally import Tally, bound, percentile
from remediator.simulate.world.story import Fault, Story, fleet_of
from remediator.simulate.world.topology import grid
from tests.bench.figure import Figure, at_most
from tests.bench.within import within

SINGLE_SECONDS, RACK_SECONDS = 280.0, 120.0
SINGLES, RACKS = 10_000, 1_000
ACTED = 0.999
REGIONS, IN_REGION, IN_RACK = 2, 3, 10
MINUTES, RACK_MINUTES = 6.0, 20.0


def figures(runs: int, *, full: bool = False) -> list[Figure]:
    single = _tally(single_death, SINGLES, None if full else SINGLE_SECONDS)
    rack = _tally(rack_death, RACKS, None if full else RACK_SECONDS)
    share = 1 - single.failed_acts / single.tally.runs if single.tally.runs else None
    return [
        Figure("single_deaths", single.tally.runs, "runs", "sample size", holds=single.tally.runs > 0),
        Figure("acted_upon", share, "", f">= {ACTED:g}", holds=share is not None and share >= ACTED),
        Figure("not_acted_upon_below", bound(single.tally.runs), "a death", "3/n, 95 %, where all were", holds=True),
        at_most("single_detect_p99", percentile(single.tally.detect, 99), "s", 8.0),
        Figure("single_replace_p99", percentile(single.tally.replace, 99), "s", "printed", holds=True),
        Figure("racks", rack.tally.runs, "runs", "sample size, 10 hosts each", holds=rack.tally.runs > 0),
        at_most("racks_not_recovered", rack.failed_acts, "racks", 0),
        at_most("rack_people_asked", rack.tally.sums["human_touches"], "", 0),
        Figure("rack_replace_p99", percentile(rack.tally.replace, 99), "s", "printed", holds=True),
        at_most("findings", single.tally.failed_runs + rack.tally.failed_runs, "runs", 0),
    ]


class Sample:
    """What a kind of death came to."""

    def __init__(self) -> None:
        self.tally = Tally()
        self.failed_acts = 0

    def add(self, judged: Judged) -> None:
        self.tally.add(judged.judgement)
        one = judged.judgement.measures
        if one.unreplaced or not one.replace:
            self.failed_acts += 1
            print(
                f"seed {judged.job.seed}: {one.unreplaced} machines not replaced; {one.blocked_minutes}", flush=True
            )
        for finding in judged.judgement.findings:
            print(f"seed {judged.job.seed}: {finding}", flush=True)


def _tally(play_one: Callable[[Job], Judged], most: int, seconds: float | None) -> Sample:
    sample = Sample()
    jobs = [Job(OURS, seed) for seed in range(1, most + 1)]
    all_judged = judged_all(jobs, play_one=play_one)
    for judged in all_judged if seconds is None else within(seconds, all_judged):
        sample.add(judged)
    return sample


def single_death(job: Job) -> Judged:
    return judged_story(job, story_of(job.seed, MINUTES, rack=False))


def rack_death(job: Job) -> Judged:
    return judged_story(job, story_of(job.seed, RACK_MINUTES, rack=True))


def story_of(seed: int, minutes: float, *, rack: bool) -> Story:
    """One loss of power, for good."""
    chance, topology = Random(seed), grid(REGIONS, IN_REGION, IN_RACK)  # noqa: S311 - chance, no secrets
    host = chance.choice(list(topology.places))
    target = f"rack:{topology.places[host].rack}" if rack else host
    fault = Fault("power", round(chance.uniform(5.0, 20.0), 2), None, topology.members(target), (target,))
    machines = tuple(fleet_of(topology, 3, 0.0))
    return Story(f"lost-{seed}", topology, machines, (fault,), (), minutes * 60, seed)
