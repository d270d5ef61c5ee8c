"""What is no death: a fleet of 2,000 hosts with nothing but noise, counted in days; whatever is killed is wrong.

Rates a host, taken high rather than low: the NIC resets (3 to 12 s without link) every 20 days, the agent is deployed
(down 2 s) every 7, the host reboots (30 to 60 s) every 30; a rack's switch reloads (20 to 90 s) every 60 days; the
store restarts (30 s to 3 min) every day. Each kind is a Poisson stream of its own.
Measured in hours of the whole fleet, each a run of its own: as many as fit into the time; ``--full`` is 30 days.
"""

from collections.abc import Iterator
from random import Random

from remediator.commands.scoreboard_runs import OURS, Job, Judged, judged_all, judged_story
from remediator.simulate.oracle.findings import Sin
from remediator.simulate.oracle.tally import CLASSES, Tally, bound
from remediator.simulate.world.story import Fault, Story, fleet_of
from remediator.simulate.world.topology import Topology, grid
from tests.bench.figure import Figure, at_most
from tests.bench.within import within

SECONDS = 420.0
REGIONS, RACKS, HOSTS, MACHINES = 4, 25, 20, 2
HOUR, DAY, DAYS = 3600.0, 86400.0, 30
# The end of each hour is left quiet: what began can come back.
QUIET = 600.0
NIC, SWITCH, REBOOT, DEPLOY, STORE = 20.0, 60.0, 30.0, 7.0, 1.0


def figures(runs: int, *, full: bool = False) -> list[Figure]:
    tally = Tally()
    jobs = [Job(OURS, seed, REGIONS * RACKS * HOSTS, HOUR / 60) for seed in range(1, DAYS * 24 + 1)]
    all_judged = judged_all(jobs, play_one=noisy_hour)
    for judged in all_judged if full else within(SECONDS, all_judged):
        tally.add(judged.judgement)
        for finding in judged.judgement.findings:
            print(f"hour {judged.job.seed}: {finding}", flush=True)
    return _figures(tally)


def noisy_hour(job: Job) -> Judged:
    """One hour of the fleet, under our own judge."""
    return judged_story(job, noise(job.seed))


def noise(seed: int, hours: float = 1.0) -> Story:
    """The fleet's noise in so many hours; the same seed gives the same."""
    chance, topology = Random(seed), grid(REGIONS, RACKS, HOSTS)  # noqa: S311 - chance, no secrets
    seconds = hours * HOUR
    faults = sorted(_faults(chance, topology, seconds - QUIET), key=lambda fault: fault.at)
    return Story(
        f"noise-{seed}", topology, tuple(fleet_of(topology, MACHINES, 0.1)), tuple(faults), (), seconds, seed
    )


def _faults(chance: Random, topology: Topology, seconds: float) -> Iterator[Fault]:
    hosts = list(topology.places)
    for kind, days, spans in (
        ("nic_reset", NIC, (3, 12)),
        ("agent_crash", DEPLOY, (2, 2)),
        ("reboot", REBOOT, (1, 1)),
    ):
        for at in _moments(chance, len(hosts) / (days * DAY), seconds):
            host = chance.choice(hosts)
            yield Fault(kind, at, chance.uniform(*spans), (host,), (host,))
    racks = sorted({place.rack for place in topology.places.values()})
    for at in _moments(chance, len(racks) / (SWITCH * DAY), seconds):
        target = f"rack:{chance.choice(racks)}"
        yield Fault("switch_reload", at, chance.uniform(20, 90), topology.members(target), (target,))
    for at in _moments(chance, 1 / (STORE * DAY), seconds):
        yield Fault("store_outage", at, chance.uniform(30, 180))


def _moments(chance: Random, rate: float, seconds: float) -> Iterator[float]:
    """Of a Poisson stream with so many a second."""
    at = chance.expovariate(rate)
    while at < seconds:
        yield round(at, 2)
        at += chance.expovariate(rate)


def _figures(tally: Tally) -> list[Figure]:
    host_days = tally.runs * REGIONS * RACKS * HOSTS * (HOUR - QUIET) / DAY
    classes = [
        Figure(
            f"needless_replacements_outage_up_to_{most:g}_s", tally.needless[most], "machines", "printed", holds=True
        )
        for most in CLASSES
    ]
    return [
        Figure("fleet_hours", tally.runs, "h", "sample size, 2,000 hosts each", holds=tally.runs > 0),
        Figure("host_days", host_days, "d", "of noise", holds=True),
        at_most("wrong_kills", tally.sins[Sin.WRONG_KILL], "", 0),
        Figure(
            "wrong_kills_below", bound(round(host_days)), "a host and day", "3/n, 95 %, where it is 0", holds=True
        ),
        at_most("double_routable", tally.sins[Sin.DOUBLE_ROUTABLE], "", 0),
        at_most("budget_breaches", tally.sins[Sin.BUDGET], "", 0),
        *classes,
        Figure("replaced_while_it_rebooted", tally.cut_short, "machines", "printed", holds=True),
    ]
