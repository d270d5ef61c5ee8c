"""What comes in over HTTP and what is answered, as values: the surface and the runtime meet here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from remediator.model.evidence import Outcome
from remediator.model.host import Capacity


@dataclass(frozen=True, slots=True)
class LaunchAsk:
    """A machine to create; ``config`` is the full one and lives no longer than the request."""

    app: str
    config: dict[str, Any]
    name: str = ""
    region: str = ""
    start: bool = True
    # No traffic until its owner says so.
    cordoned: bool = False
    # The client's own key: what is asked for twice under it is made once.
    key: str = ""
    # A lease that begins with the machine, and whose it is; 0 seconds for none.
    lease_seconds: int = 0
    who: str = ""


@dataclass(frozen=True, slots=True)
class VerbAsk:
    """One verb for a machine's host; ``nonce`` is that of the caller's lease, if any."""

    machine: str
    verb: str
    args: Mapping[str, Any] = field(default_factory=dict)
    nonce: str = ""


@dataclass(frozen=True, slots=True)
class LeaseAsk:
    """A lease on a machine: a new one, or with its ``nonce`` the same for longer."""

    machine: str
    seconds: int
    who: str
    nonce: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True)
class UpdateAsk:
    """Another full config for a machine; ``config`` lives no longer than the request.

    ``current_version``, if given, must be the machine's instance_id.
    """

    machine: str
    config: dict[str, Any]
    region: str = ""
    start: bool = True
    current_version: str = ""
    nonce: str = ""
    lease: LeaseAsk | None = None


@dataclass(frozen=True, slots=True)
class MetadataAsk:
    """Changes of a machine's metadata: None takes a key away; ``whole``: what is not named goes.

    ``version`` and ``updated_at``, if given, must be the machine's.
    """

    machine: str
    changes: Mapping[str, str | None]
    whole: bool = False
    version: str = ""
    updated_at: datetime | None = None
    nonce: str = ""


@dataclass(frozen=True, slots=True)
class VolumeAsk:
    """A volume to create, empty, from a snapshot or from another volume; size in MiB, 0 for its source's.

    ``unique_zone``: "name" for no host that has one of the app's volumes of that name, "app" for none that has any
    of the app's. ``beside`` is what a machine will need on the same host. ``key`` is the client's: twice is once.
    """

    app: str
    name: str
    region: str
    size_mb: int
    snapshot_id: str = ""
    source_volume_id: str = ""
    unique_zone: str = ""
    beside: Capacity = field(default_factory=Capacity)
    retention_days: int = 5
    auto_backup: bool = False
    key: str = ""


@dataclass(frozen=True, slots=True)
class VolumeKept:
    """How a volume is kept safe; what is None stays as it is."""

    retention_days: int | None = None
    auto_backup: bool | None = None


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
    """Keys offered at enrolment; ``kind`` is agent or vantage.

    ``token_digest``: SHA-256 in hex of a bearer token that a vantage has made for itself; empty where we make it.
    """

    token: str
    kind: str
    name: str
    region: str
    rack: str
    verify_key: str = ""
    box_key: str = ""
    identity: dict[str, str] = field(default_factory=dict)
    token_digest: str = ""


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
