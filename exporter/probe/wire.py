"""What goes to and comes from the remediator: reports, assignments, enrolment."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from exporter.probe.outcome import Outcome


class Target(msgspec.Struct, frozen=True):
    """One host to probe; ``kind`` is http or tcp, ``path`` and ``expect`` are for http."""

    host: str
    address: str
    port: int
    region: str = ""
    rack: str = ""
    kind: str = "http"
    path: str = "/healthz"
    expect: str = "ok"


class Assignment(msgspec.Struct, frozen=True):
    """The remediator's answer to each report."""

    targets: tuple[Target, ...] = ()
    interval_seconds: float = 1.0
    timeout_seconds: float = 0.8


@dataclass(frozen=True, slots=True)
class Vantage:
    """Who probes, and from where; ``address`` is where its page is scraped."""

    name: str
    region: str
    rack: str
    address: str


@dataclass(frozen=True, slots=True)
class Health:
    """The vantage's own: the longest its loop was late in the last round, and whether its way out is open."""

    loop_lag: float = 0.0
    gateway: str = "ok"


@dataclass(frozen=True, slots=True)
class Result:
    """One probe: how it ended, how long it took, and when that was by the monotonic clock."""

    target: Target
    outcome: Outcome
    seconds: float
    at: float


def parse_assignment(body: bytes) -> Assignment:
    """Raises ValueError, with the place, on a body that is none."""
    try:
        return msgspec.json.decode(body, type=Assignment)
    except msgspec.DecodeError as error:
        raise ValueError(f"the remediator's assignment: {error}") from None


def merge_assignments(assignments: Sequence[Assignment]) -> Assignment:
    """What any remediator asks for; where two differ on a host, the first one's word counts."""
    targets = {one.host: one for assignment in reversed(assignments) for one in assignment.targets}
    if not assignments:
        return Assignment()
    first = assignments[0]
    return Assignment(tuple(targets.values()), first.interval_seconds, first.timeout_seconds)


def build_report(vantage: Vantage, health: Health, results: Sequence[Result], now: float) -> bytes:
    """The body of a report; ``now`` by the monotonic clock that the results were timed with."""
    return msgspec.json.encode(
        {
            "vantage": vantage.name,
            "region": vantage.region,
            "rack": vantage.rack,
            "address": vantage.address,
            "health": {"loop_lag_seconds": round(health.loop_lag, 6), "gateway": health.gateway},
            "results": [
                {
                    "host": one.target.host,
                    "outcome": one.outcome,
                    "seconds": round(one.seconds, 6),
                    "age_seconds": round(max(0.0, now - one.at), 3),
                }
                for one in results
            ],
        }
    )
