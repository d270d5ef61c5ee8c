"""What fleetmend.yml and hosts.yml may say."""

from typing import Annotated, Literal, Self
from urllib.parse import parse_qs, urlsplit

from pydantic import AfterValidator, Field, RootModel, StringConstraints, model_validator

from remediator.actions.fields import Duration, Strict, Text
from remediator.policy.schema import LabelName, Name
from remediator.policy.web_fields import PublicWebFields, RateLimitFields, WebFields

HostName = Annotated[Text, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$")]
Word = Annotated[Text, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,63}$")]
Choice = Literal["keep_original", "keep_replacement"]


def _url(text: str) -> str:
    scheme, _, rest = text.partition("://")
    if scheme not in ("http", "https") or not rest or rest.startswith("/"):
        raise ValueError("is no address; write for example http://127.0.0.1:8428")
    if "@" in rest.partition("/")[0]:
        raise ValueError("must hold no user or password: name a token_file")
    return text.rstrip("/")


def _url_or_none(text: str) -> str:
    """An address, or empty for none."""
    return _url(text) if text else ""


def _journal(text: str) -> str:
    """A PostgreSQL database, or empty for SQLite."""
    if not text:
        return text
    if not text.startswith(("postgresql://", "postgres://")):
        raise ValueError(
            "is no address of a PostgreSQL database; write for example postgresql://fleetmend@db/fleetmend"
        )
    try:
        parts = urlsplit(text)
    except ValueError:
        raise ValueError("is no address of a PostgreSQL database") from None
    if parts.password is not None or "password" in parse_qs(parts.query, keep_blank_values=True):
        raise ValueError("must hold no password: name a journal_password_file")
    return text


def _listen(text: str) -> str:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise ValueError(f"{text!r} is no place to listen; write HOST:PORT or fd:N")
    return text


def _target(text: str) -> str:
    """A page to scrape, or empty for none."""
    return _listen(text) if text else ""


Url = Annotated[Text, AfterValidator(_url)]
UrlOrNone = Annotated[Text, AfterValidator(_url_or_none)]
Listen = Annotated[Text, AfterValidator(_listen)]
Target = Annotated[Text, AfterValidator(_target)]
PathText = Annotated[Text, StringConstraints(min_length=1)]


class EndpointFields(Strict):
    """An address with the file that holds its token."""

    url: Url
    token_file: PathText | None = None


class TrustedFields(EndpointFields):
    """An address, and whom https is trusted by there."""

    ca_file: PathText | None = None


class FencingFields(Strict):
    """Who can cut a host off, besides its own BMC."""

    orchestrator: TrustedFields | None = None


class WebhookFields(EndpointFields):
    """A webhook, and where its receiver says whether it has had a call."""

    observe: Url | None = None


def _bmc_url(text: str) -> str:
    host = text.removeprefix("ipmi://")
    if host == text:
        return _url(text)
    if not host or "@" in host or "/" in host:
        raise ValueError("is no address of a BMC; write for example ipmi://10.0.1.11 or https://10.0.1.11")
    return text


class BmcFields(Strict):
    """A host's BMC, and the files that hold what it asks for."""

    kind: Literal["redfish", "ipmi"] | None = None
    """how it is spoken to; left out: as its address begins"""
    url: Annotated[Text, AfterValidator(_bmc_url)]
    """http(s)://HOST for Redfish, ipmi://HOST[:PORT] for IPMI over the network"""
    token_file: PathText | None = None
    """Redfish: the file with a token"""
    user: Text = ""
    """who logs in, where there is no token"""
    password_file: PathText | None = None
    """the file with the user's password"""
    system: Annotated[Text, StringConstraints(pattern=r"^/redfish/v1/[A-Za-z0-9_./-]+$")] = "/redfish/v1/Systems/1"
    """Redfish: the path of this host's system"""
    ca_file: PathText | None = None
    """Redfish: the certificate that https is trusted by, for a BMC with one of its own"""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        spoken = "ipmi" if self.url.startswith("ipmi://") else "redfish"
        if self.kind not in (None, spoken):
            raise ValueError(f"kind {self.kind} does not go with {self.url}")
        if bool(self.user) != bool(self.password_file):
            raise ValueError("user and password_file go together")
        if spoken == "ipmi" and not self.user:
            raise ValueError("an ipmi BMC needs user and password_file")
        return self


class GateFields(Strict):
    """When the store is trusted."""

    open_after: Duration | None = None
    open_after_max: Duration | None = None
    latency: Duration | None = None
    freshness: Duration | None = None
    canary: Text | None = None


class OnReturnFields(Strict):
    """Which instance stays."""

    default: Choice = "keep_original"
    apps: dict[Text, Choice] = Field(default_factory=dict)


class IntakeFields(Strict):
    """Who may post alerts, and what they may ask for."""

    token_file: PathText
    playbooks: list[Name] = Field(default_factory=list)


class SettingsFile(Strict):
    """fleetmend.yml: what is left out keeps the default of ``Settings``."""

    data: PathText = "data"
    rules: PathText = "rules"
    hosts: PathText = "hosts.yml"
    journal: Annotated[Text, AfterValidator(_journal)] | None = None
    journal_password_file: PathText | None = None
    name: Word | None = None
    leader_lease: Duration | None = None
    shards: Literal["by_region"] | dict[Word, list[Word]] | None = None
    prefer: list[Word] = Field(default_factory=list)
    peer_url: Url | None = None
    keep_history: Duration | None = None
    store_url: Url | None = None
    store_kind: Literal["victoriametrics", "prometheus"] | None = None
    store_timeout: Duration | None = None
    store_token_file: PathText | None = None
    store_write_url: UrlOrNone | None = None
    listen: Listen | None = None
    fleet_listen: Listen | None = None
    web: PublicWebFields = Field(default_factory=PublicWebFields)
    fleet_web: WebFields = Field(default_factory=WebFields)
    rate_limits: RateLimitFields = Field(default_factory=RateLimitFields)
    orchestrator_exporter: Target | None = None
    organisation: Word | None = None
    liveness_playbook: Name | None = None
    probe_interval: Duration | None = None
    probe_timeout: Duration | None = None
    dead_after: Duration | None = None
    evaluation_jitter: bool | None = None
    gate: GateFields = Field(default_factory=GateFields)
    patience: Duration | None = None
    destroy_refusal: Duration | None = None
    on_return: OnReturnFields = Field(default_factory=OnReturnFields)
    probation: Duration | None = None
    cold_start: Duration | None = None
    lease: Duration | None = None
    fencing: FencingFields = Field(default_factory=FencingFields)
    provider: EndpointFields | None = None
    alertmanagers: list[EndpointFields] = Field(default_factory=list)
    notify: Literal["at_once", "after_playbook"] | None = None
    notify_within: Duration | None = None
    external_url: Url | None = None
    intake: list[IntakeFields] = Field(default_factory=list)
    webhooks: dict[Name, WebhookFields] = Field(default_factory=dict)
    owners: dict[Text, Name] = Field(default_factory=dict)
    questions: Name | None = None


class HostFields(Strict):
    """One expected host."""

    name: HostName
    region: Word
    rack: Word
    role: Word = "worker"
    provider: Text = ""
    address: Text = ""
    labels: dict[LabelName, Text] = Field(default_factory=dict)
    bmc: BmcFields | None = None


class InventoryFile(RootModel[list[HostFields]]):
    """hosts.yml: a list of hosts."""
