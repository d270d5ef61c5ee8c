"""What the oracle finds, as values: sins with their moment, and measures."""

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum


class Sin(StrEnum):
    """Each breaks a sentence of the domain; the numbers are its invariants'."""

    WRONG_KILL = "wrong_kill"
    DOUBLE_ROUTABLE = "double_routable"  # 1
    DOUBLE_MOUNT = "double_mount"  # 2
    BUDGET = "budget_breach"  # 3
    GATE = "acted_through_closed_gate"  # 4
    FROZEN = "acted_while_frozen"  # 9
    LOST_REQUEST = "lost_request"  # 18
    UNTRUE_END = "told_destroyed_and_running"  # 8


@dataclass(frozen=True, slots=True)
class Finding:
    """One sin: when, about what, and why it is one."""

    sin: Sin
    at: float
    subject: str
    text: str

    def __str__(self) -> str:
        return f"{self.at:.2f} {self.sin.value} {self.subject}: {self.text}"


@dataclass(frozen=True, slots=True)
class Needless:
    """A replacement of what was running and reachable, or soon was; ``outage`` is how long its host was away.

    ``ran`` is False for a host that really lost its power, and was back within patience.
    """

    at: float
    machine: str
    host: str
    outage: float
    ran: bool


@dataclass(frozen=True, slots=True)
class Measures:
    """Samples and sums of one run, in seconds unless named otherwise."""

    detect: tuple[float, ...] = ()
    undetected: int = 0
    replace: tuple[float, ...] = ()
    unreplaced: int = 0
    undead: float = 0.0
    double_run: float = 0.0
    machine_minutes_lost: float = 0.0
    human_touches: int = 0
    blocked_minutes: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Judgement:
    """All that is to be said of one run."""

    story: str
    seed: int
    judge: str
    findings: tuple[Finding, ...]
    needless: tuple[Needless, ...]
    measures: Measures

    def count(self, sin: Sin) -> int:
        return sum(1 for finding in self.findings if finding.sin is sin)

    def counts(self) -> Counter[Sin]:
        return Counter(finding.sin for finding in self.findings)
