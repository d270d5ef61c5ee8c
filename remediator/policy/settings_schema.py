"""What fleetmend.yml and hosts.yml may say."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, RootModel, StringConstraints

from remediator.actions.fields import Duration, Strict, Text
from remediator.policy.schema import LabelName, Name

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


class BurstFields(Strict):
    """Limits of one demand for hosts."""

    attempts: Annotated[int, Field(ge=1)] | None = None
    hedge: Annotated[int, Field(ge=0)] | None = None


class IntakeFields(Strict):
    """Who may post alerts, and what they may ask for."""

    token_file: PathText
    playbooks: list[Name] = Field(default_factory=list)


class SettingsFile(Strict):
    """fleetmend.yml: what is left out keeps the default of ``Settings``."""

    data: PathText = "data"
    rules: PathText = "rules"
    hosts: PathText = "hosts.yml"
    snapshots: PathText = "snapshots"
    store_url: Url | None = None
    store_kind: Literal["victoriametrics", "prometheus"] | None = None
    store_timeout: Duration | None = None
    store_token_file: PathText | None = None
    store_write_url: UrlOrNone | None = None
    listen: Listen | None = None
    fleet_listen: Listen | None = None
    orchestrator_exporter: Target | None = None
    organisation: Word | None = None
    liveness_playbook: Name | None = None
    probe_interval: Duration | None = None
    probe_timeout: Duration | None = None
    heartbeat_interval: Duration | None = None
    dead_after: Duration | None = None
    evaluation_jitter: bool | None = None
    gate: GateFields = Field(default_factory=GateFields)
    patience: Duration | None = None
    destroy_refusal: Duration | None = None
    on_return: OnReturnFields = Field(default_factory=OnReturnFields)
    probation: Duration | None = None
    cold_start: Duration | None = None
    provider: EndpointFields | None = None
    burst: BurstFields = Field(default_factory=BurstFields)
    alertmanagers: list[EndpointFields] = Field(default_factory=list)
    notify: Literal["at_once", "after_playbook"] | None = None
    notify_within: Duration | None = None
    external_url: Url | None = None
    intake: list[IntakeFields] = Field(default_factory=list)
    webhooks: dict[Name, EndpointFields] = Field(default_factory=dict)


class HostFields(Strict):
    """One expected host."""

    name: HostName
    region: Word
    rack: Word
    role: Word = "worker"
    provider: Text = ""
    address: Text = ""
    labels: dict[LabelName, Text] = Field(default_factory=dict)
    bmc: EndpointFields | None = None


class InventoryFile(RootModel[list[HostFields]]):
    """hosts.yml: a list of hosts."""
