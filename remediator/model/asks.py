"""What comes in over HTTP and what is answered, as values: the surface and the runtime meet here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from remediator.model.evidence import Outcome


@dataclass(frozen=True, slots=True)
class LaunchAsk:
    """A machine to create; ``config`` is the full one and lives no longer than the request."""

    app: str
    config: dict[str, Any]
    name: str = ""
    region: str = ""
    start: bool = True


@dataclass(frozen=True, slots=True)
class VolumeAsk:
    """A volume to create, empty or from a snapshot; size in MiB."""

    app: str
    name: str
    region: str
    size_mb: int
    snapshot_id: str = ""


@dataclass(frozen=True, slots=True)
class ProbeResult:
    host: str
    outcome: Outcome
    seconds: float
    age_seconds: float


@dataclass(frozen=True, slots=True)
class VantageReport:
    """One second of one prober; ``address`` is where its own page is scraped."""

    vantage: str
    region: str
    rack: str
    address: str
    loop_lag_seconds: float
    gateway: str
    results: tuple[ProbeResult, ...]


@dataclass(frozen=True, slots=True)
class ProbeTarget:
    host: str
    region: str
    rack: str
    address: str
    port: int
    kind: str = "http"
    path: str = "/healthz"
    expect: str = "ok"


@dataclass(frozen=True, slots=True)
class JoinAsk:
    """Keys offered at enrolment; ``kind`` is agent or vantage."""

    token: str
    kind: str
    name: str
    region: str
    rack: str
    verify_key: str = ""
    box_key: str = ""
    identity: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Changes:
    """What became of journalled rows since some look: values by kind and id, None for those that are gone.

    ``number`` is to be given at the next look. If ``whole``, these are all rows that there are.
    """

    number: int
    rows: Mapping[str, Mapping[str, Any]]
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Undead:
    """Condemned machines seen running on a host, and for how long over all time."""

    machines: int
    seconds_total: float


@dataclass(frozen=True, slots=True)
class Placements:
    """Placement requests by region, failures by (region, reason), demands not yet met by region."""

    requests: Mapping[str, int]
    failures: Mapping[tuple[str, str], int]
    unmet: Mapping[str, int]
