"""Evidence: what probes and heartbeats say of a host, and the verdict that follows."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


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
    STORE_GAP = "store_gap"
    LABEL_DRIFT = "label_drift"
    NO_EVIDENCE = "no_evidence"


# What is said of hosts that answer: a kernel lives, and something else is wrong. None of them is about reachability.
ANSWERING = frozenset(
    {
        VerdictKind.ALIVE,
        VerdictKind.WEDGED,
        VerdictKind.FLAPPING,
        VerdictKind.UNSCRAPED,
        VerdictKind.STORE_GAP,
        VerdictKind.LABEL_DRIFT,
    }
)


@dataclass(frozen=True, slots=True)
class Vote:
    """The newest probe result of one assigned vantage; ``received`` is our own receive time.

    ``weight`` is how much the vantage itself is to be believed, 0 to 1.
    """

    vantage: str
    region: str
    rack: str
    outcome: Outcome | None
    received: datetime | None
    silent_since: datetime | None = None
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Claim:
    """What somebody other than a vantage says is wrong with a host that answers.

    ``by`` is ``agent`` (of itself), ``store`` (a rule), or ``return`` (condemned machines outlived their cut-off).
    """

    kind: VerdictKind
    by: str
    since: datetime
    text: str


@dataclass(frozen=True, slots=True)
class Sighting:
    """Everything direct evidence says of one host at one moment, and what else is claimed of it."""

    host: str
    votes: tuple[Vote, ...]
    heartbeat: datetime | None
    connected: bool
    power: str = ""
    power_at: datetime | None = None
    claims: tuple[Claim, ...] = ()

    @property
    def off(self) -> bool:
        """Whether its BMC says so, and said it after the host was last heard."""
        newer = self.power_at is not None and (self.heartbeat is None or self.power_at > self.heartbeat)
        return self.power == "off" and newer


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the votes amount to, since when, and the words for people.

    ``silent_weight`` is the weight of the silent votes, against ``assigned`` vantages of weight 1 each; ``weights``
    names every vantage's. ``suspected`` are the spans of the last ten minutes in which the host was suspect, and
    ``suspect_share`` their part of these. Of hosts that are plainly alive ``newest`` may lag by a vote's life.
    """

    host: str
    kind: VerdictKind
    since: datetime
    reason: str
    silent: int = 0
    assigned: int = 0
    outside_rack: int = 0
    suspect_since: datetime | None = None
    newest: datetime | None = None
    silent_weight: float = 0.0
    weights: tuple[tuple[str, float], ...] = ()
    suspected: tuple[tuple[datetime, datetime], ...] = ()
    suspect_share: float = 0.0

    @property
    def facts(self) -> dict[str, Any]:
        """What guards may read of it, as plain values that are kept with a decision."""
        return {
            "verdict": self.kind.value,
            "silent": self.silent,
            "assigned": self.assigned,
            "outside_rack": self.outside_rack,
            "silent_weight": round(self.silent_weight, 3),
            "weights": {vantage: round(weight, 3) for vantage, weight in self.weights},
            "suspect_share": round(self.suspect_share, 3),
        }


@dataclass(frozen=True, slots=True)
class Gate:
    """Whether the metrics store can be trusted as a witness; it stops automatic destructive acts, nothing else."""

    open: bool
    reason: str
    since: datetime
