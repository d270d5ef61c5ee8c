"""The settings as frozen values: where things are, whom to listen for, how long to wait.

They are read from fleetmend.yml and the environment by ``remediator.policy.configuration``; every key is
explained in ``remediator/shipped/fleetmend.yml``. Secrets are never here, only the files that hold them.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path


@dataclass(frozen=True, slots=True)
class GateSettings:
    """When the metrics store counts as a witness; ``canary`` must yield our own newest heartbeat in the store."""

    open_after: timedelta = timedelta(seconds=60)
    open_after_max: timedelta = timedelta(minutes=10)
    latency: timedelta = timedelta(seconds=2)
    freshness: timedelta = timedelta(seconds=10)
    canary: str = 'max(fleetmend_heartbeat_timestamp_seconds{job="remediator"})'


@dataclass(frozen=True, slots=True)
class OnReturn:
    """Which instance stays when a host returns within patience: ``keep_original`` or ``keep_replacement``."""

    default: str = "keep_original"
    apps: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An HTTP address and the file that holds its token.

    ``observe`` is where a webhook's receiver says whether it has had a key: 200 if so, 404 if not. ``ca_file`` is
    whom https is trusted by, the system's authorities where it is None.
    """

    url: str
    token_file: Path | None = None
    observe: str = ""
    ca_file: Path | None = None


@dataclass(frozen=True, slots=True)
class BmcEndpoint:
    """A host's BMC: ``kind`` is redfish (a token's file, or a user with a password's) or ipmi (a user with one).

    ``system`` is the path of the host's system in Redfish; ``url`` is http(s)://… or ipmi://HOST[:PORT];
    ``ca_file`` is whom https is trusted by, the system's authorities where it is None.
    """

    url: str
    kind: str = "redfish"
    token_file: Path | None = None
    user: str = ""
    password_file: Path | None = None
    system: str = "/redfish/v1/Systems/1"
    ca_file: Path | None = None


@dataclass(frozen=True, slots=True)
class FencingSettings:
    """Who can cut a host off, besides its own BMC."""

    orchestrator: Endpoint | None = None


@dataclass(frozen=True, slots=True)
class IntakeSettings:
    """A token that alerts may be posted with, and the playbooks that they may ask for."""

    token_file: Path
    playbooks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """A listener's certificate and key, and whose certificates it asks of clients; exporter-toolkit's words."""

    cert_file: Path
    key_file: Path
    client_ca_file: Path | None = None
    client_auth_type: str = "NoClientCert"
    min_version: str = "TLS12"


@dataclass(frozen=True, slots=True)
class WebSettings:
    """A listener's door: TLS or none, connections at once (0: any number), who may look without a token."""

    tls: TlsSettings | None = None
    max_connections: int = 1024
    onlookers: str = "loopback"


@dataclass(frozen=True, slots=True)
class RateLimits:
    """How fast a tenant's token may ask, for each action on each machine or app."""

    enabled: bool = True
    per_second: float = 1.0
    burst: int = 3
    get_per_second: float = 5.0
    get_burst: int = 10
    app_deletes_per_minute: int = 100


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything ``fleetmend run`` is told."""

    data: Path
    rules: Path
    hosts: Path
    # Empty: SQLite in data; else the address of a PostgreSQL database.
    journal: str = ""
    journal_password_file: Path | None = None
    # Of several remediators on one PostgreSQL: what this one is called (empty: as its host), how long each leads.
    name: str = ""
    leader_lease: timedelta = timedelta(seconds=3)
    # Empty: one leader leads the whole fleet. "by_region", or the regions of each shard by its name: one leads each.
    shards: str | dict[str, tuple[str, ...]] = ""
    # The shards that this one leads while it is up (none named: as they fall to it), and where its peers reach it.
    prefer: tuple[str, ...] = ()
    peer_url: str = ""
    keep_history: timedelta = timedelta(days=90)
    store_url: str = "http://127.0.0.1:8428"
    store_kind: str = "victoriametrics"
    store_timeout: timedelta = timedelta(seconds=5)
    store_token_file: Path | None = None
    # None: store_url; empty: nothing is written back.
    store_write_url: str | None = None
    listen: str = "127.0.0.1:8321"
    fleet_listen: str = "127.0.0.1:8322"
    web: WebSettings = WebSettings()
    fleet_web: WebSettings = WebSettings(max_connections=0)
    rate_limits: RateLimits = RateLimits()
    orchestrator_exporter: str = "127.0.0.1:9101"
    organisation: str = "personal"
    liveness_playbook: str = "host_dead"
    probe_interval: timedelta = timedelta(seconds=1)
    probe_timeout: timedelta = timedelta(milliseconds=800)
    dead_after: timedelta = timedelta(seconds=3)
    evaluation_jitter: bool = True
    gate: GateSettings = GateSettings()
    patience: timedelta = timedelta(seconds=120)
    destroy_refusal: timedelta = timedelta(seconds=60)
    on_return: OnReturn = OnReturn()
    probation: timedelta = timedelta(seconds=30)
    cold_start: timedelta = timedelta(minutes=5)
    lease: timedelta = timedelta(seconds=30)
    fencing: FencingSettings = FencingSettings()
    provider: Endpoint | None = None
    alertmanagers: tuple[Endpoint, ...] = ()
    notify: str = "at_once"
    notify_within: timedelta = timedelta(minutes=5)
    external_url: str = ""
    intake: tuple[IntakeSettings, ...] = ()
    webhooks: dict[str, Endpoint] = field(default_factory=dict)
    # Whom to tell of each app's machines: names of webhooks, "*" for every app without one of its own.
    owners: dict[str, str] = field(default_factory=dict)
    # The webhook that is told of questions: asked, reminded, answered, expired; empty for none.
    questions: str = ""


@dataclass(frozen=True, slots=True)
class InventoryHost:
    """One expected host of hosts.yml; ``bmc`` is what can prove that its power is off."""

    name: str
    region: str
    rack: str
    role: str = "worker"
    provider: str = ""
    address: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    bmc: BmcEndpoint | None = None
