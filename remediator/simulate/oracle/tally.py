"""Many judgements as one row: sums, percentiles, and the bound that so many runs without a sin give."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from remediator.simulate.oracle.findings import Finding, Judgement, Sin

# Upper ends of the classes of outages, in seconds; 0 is a host that never was away.
CLASSES = (0.0, 5.0, 10.0, 30.0, 60.0, 120.0)


@dataclass(slots=True)
class Tally:
    """What has been counted so far."""

    runs: int = 0
    failed_runs: int = 0
    sins: Counter[Sin] = field(default_factory=Counter)
    # The first of each kind, with its seed: what to look at.
    first: dict[Sin, tuple[int, Finding]] = field(default_factory=dict)
    needless: Counter[float] = field(default_factory=Counter)
    cut_short: int = 0
    detect: list[float] = field(default_factory=list)
    replace: list[float] = field(default_factory=list)
    undetected: int = 0
    unreplaced: int = 0
    sums: Counter[str] = field(default_factory=Counter)
    blocked: Counter[str] = field(default_factory=Counter)

    def add(self, judgement: Judgement) -> None:
        self.runs += 1
        self.failed_runs += bool(judgement.findings)
        for finding in judgement.findings:
            self.sins[finding.sin] += 1
            self.first.setdefault(finding.sin, (judgement.seed, finding))
        for each in judgement.needless:
            if each.ran:
                self.needless[next((most for most in CLASSES if each.outage <= most), CLASSES[-1])] += 1
            else:
                self.cut_short += 1
        self._measured(judgement)

    def _measured(self, judgement: Judgement) -> None:
        one = judgement.measures
        self.detect += one.detect
        self.replace += one.replace
        self.undetected += one.undetected
        self.unreplaced += one.unreplaced
        self.sums["undead_s"] += one.undead  # type: ignore[assignment]
        self.sums["double_run_s"] += one.double_run  # type: ignore[assignment]
        self.sums["machine_minutes_lost"] += one.machine_minutes_lost  # type: ignore[assignment]
        self.sums["human_touches"] += one.human_touches
        for reason, minutes in one.blocked_minutes.items():
            self.blocked[reason] += minutes  # type: ignore[assignment]

    def as_json(self) -> dict[str, Any]:
        return {
            "runs": self.runs,
            "runs_with_a_finding": self.failed_runs,
            **{sin.value: self.sins[sin] for sin in Sin},
            "needless_replacements": sum(self.needless.values()),
            "needless_by_outage_up_to_s": {f"{most:g}": self.needless[most] for most in CLASSES},
            "replaced_though_rebooted_within_patience": self.cut_short,
            "detect_s": spread(self.detect),
            "undetected_deaths": self.undetected,
            "replace_s": spread(self.replace),
            "unreplaced_machines": self.unreplaced,
            **{name: round(value, 2) for name, value in self.sums.items()},
            "dead_host_minutes_by_hold": {reason: round(value, 1) for reason, value in self.blocked.most_common()},
            "first_findings": {sin.value: f"seed {seed}: {found}" for sin, (seed, found) in self.first.items()},
        }


def tallied(judgements: Iterable[Judgement]) -> Tally:
    tally = Tally()
    for judgement in judgements:
        tally.add(judgement)
    return tally


def spread(samples: Sequence[float]) -> dict[str, float]:
    return {"n": len(samples), "p50": round(percentile(samples, 50), 2), "p99": round(percentile(samples, 99), 2)}


def percentile(samples: Sequence[float], share: float) -> float:
    """The nearest rank; 0 of nothing."""
    if not samples:
        return 0.0
    ordered = sorted(samples)
    return ordered[max(0, min(len(ordered) - 1, -int(-share * len(ordered) // 100) - 1))]


def bound(trials: int) -> float:
    """The 95 % upper bound of a rate that never showed in so many trials: 3/n."""
    return 3 / trials if trials else 1.0
