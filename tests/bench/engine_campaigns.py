"""Random campaigns under the real engine, judged from the truth of the simulated world by an oracle of its own.

Short: 200 hosts, 1 to 20 overlapping faults, ten virtual minutes, as many seeds as fit into the time on every core.
``--full``: 10,000 short ones and 1,000 of 24 virtual hours. Seeds are 1, 2, 3 …: what fails can be played again by
``fleetmend simulate --campaigns 1 --seed S``.
"""

from collections.abc import Iterable

from remediator.commands.scoreboard_runs import OURS, Job, Judged, judged_all
from remediator.simulate.oracle.findings import Sin
from remediator.simulate.oracle.tally import Tally, bound, percentile
from tests.bench.figure import Figure, at_most
from tests.bench.within import within

SECONDS = 420.0
SHORT, LONG = 10_000, 1_000
SHORT_MINUTES, LONG_MINUTES = 10.0, 24 * 60.0
A_SECOND = 5.0
NONE_ALLOWED = {
    Sin.WRONG_KILL: "wrong_kills",
    Sin.DOUBLE_ROUTABLE: "double_routable",
    Sin.LOST_REQUEST: "lost_requests",
    Sin.BUDGET: "budget_breaches",
    Sin.DOUBLE_MOUNT: "volumes_with_two_writers",
    Sin.GATE: "acts_through_a_closed_gate",
}


def figures(runs: int, *, full: bool = False) -> list[Figure]:
    """Sins by kind, the bound that the sample gives, detection, and campaigns a second of one core."""
    if not full:
        return _figures("short", within(SECONDS, judged_all(_jobs(SHORT, SHORT_MINUTES))))
    short = _figures("short", judged_all(_jobs(SHORT, SHORT_MINUTES)))
    return short + _figures("long", judged_all(_jobs(LONG, LONG_MINUTES)))


def _jobs(count: int, minutes: float) -> list[Job]:
    return [Job(OURS, seed, minutes=minutes) for seed in range(1, count + 1)]


def _figures(kind: str, all_judged: Iterable[Judged]) -> list[Figure]:
    tally, seconds = Tally(), 0.0
    for judged in all_judged:
        tally.add(judged.judgement)
        seconds += judged.seconds
        for finding in judged.judgement.findings:
            print(f"seed {judged.job.seed}: {finding}", flush=True)
    print(f"{kind}: {tally.as_json()}")
    runs = tally.runs
    return [
        Figure(f"{kind}_campaigns", runs, "runs", "sample size", holds=runs > 0),
        *(at_most(f"{kind}_{name}", tally.sins[sin], "", 0) for sin, name in NONE_ALLOWED.items()),
        Figure(f"{kind}_each_rate_below", bound(runs), "a run", "3/n, 95 %, where it is 0", holds=True),
        Figure(f"{kind}_needless_replacements", sum(tally.needless.values()), "machines", "printed", holds=True),
        at_most(f"{kind}_detect_p50", percentile(tally.detect, 50), "s", 4.0),
        # Without a target: our own process is down among the faults, and vantages are; engine_single has the target.
        Figure(f"{kind}_detect_p99", percentile(tally.detect, 99), "s", "printed", holds=True),
        _pace(kind, runs / seconds if seconds else 0.0),
    ]


def _pace(kind: str, pace: float) -> Figure:
    if kind != "short":
        return Figure(f"{kind}_a_second_of_one_core", pace, "1/s", "printed", holds=True)
    return Figure("short_a_second_of_one_core", pace, "1/s", f">= {A_SECOND:g}", pace >= A_SECOND)
