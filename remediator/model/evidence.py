"""Evidence: what probes and heartbeats say of a host, and the verdict that follows."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Outcome(StrEnum):
    """How a probe ended; only *silent* counts towards dead."""

    OK = "ok"
    SILENT = "silent"
    REFUSED = "refused"
    RESET = "reset"
    WRONG = "wrong_answer"
    ERROR_HERE = "error_here"


# Answers that only a living kernel gives.
KERNEL_LIVES = frozenset({Outcome.OK, Outcome.REFUSED, Outcome.RESET, Outcome.WRONG})


class VerdictKind(StrEnum):
    """Typed absence: each is told apart, and has its own playbook."""

    ALIVE = "alive"
    SUSPECT = "suspect"
    DEAD = "dead"
    AGENT_GONE = "agent_gone"
    UNSCRAPED = "unscraped"
    WEDGED = "wedged"
    PARTITIONED = "partitioned"
    FLAPPING = "flapping"
    NO_EVIDENCE = "no_evidence"


@dataclass(frozen=True, slots=True)
class Vote:
    """The newest probe result of one assigned vantage; ``received`` is our own receive time."""

    vantage: str
    region: str
    rack: str
    outcome: Outcome | None
    received: datetime | None
    silent_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Sighting:
    """Everything direct evidence says of one host at one moment."""

    host: str
    votes: tuple[Vote, ...]
    heartbeat: datetime | None
    connected: bool
    power: str = ""
    power_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the votes amount to, since when, and the words for people."""

    host: str
    kind: VerdictKind
    since: datetime
    reason: str
    silent: int = 0
    assigned: int = 0
    outside_rack: int = 0
    suspect_since: datetime | None = None
    newest: datetime | None = None


@dataclass(frozen=True, slots=True)
class Gate:
    """Whether the metrics store can be trusted as a witness; it stops automatic destructive acts, nothing else."""

    open: bool
    reason: str
    since: datetime
