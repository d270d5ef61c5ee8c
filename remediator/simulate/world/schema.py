"""What a story's file may say: strict, at the border only."""

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from remediator.actions.fields import Duration, Strict, Text
from remediator.policy.schema import Mode, Name
from remediator.simulate.scenarios.schema import Count, MachineFields, Names, Places, Some

# Each befalls the hosts that it names; those of the second line are about the control plane or the store.
ON_HOSTS = (
    "power", "link", "asymmetric_link", "partition", "agent_crash", "wedge", "disk_full", "slow", "flap", "nic_reset",
    "switch_reload", "reboot", "pause", "exporter_crash", "label_rename", "name_swap", "reimage", "lying_agent",
    "lying_vantage", "signal",
)  # fmt: skip
ON_HOUSE = (
    "clock_jump", "store_outage", "store_lag", "partial_data", "future_data", "restored_journal", "remediator_crash",
    "remediator_pause", "duplicate_events", "reordered_events", "provider", "orchestrator",
)  # fmt: skip
KINDS = (*ON_HOSTS, *ON_HOUSE)
# What a person or a tenant may ask for.
ASKS = (
    "destroy", "create", "freeze", "thaw", "cordon", "uncordon", "maintenance", "hold", "approve", "deny", "release",
    "retire", "reconcile", "replaced",
)  # fmt: skip
STEPS = ("before_commit", "after_commit", "before_send", "after_send", "before_outcome")
Share = Annotated[float, Field(ge=0, le=1)]
Flag = Literal[True]


def _named(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


class FaultFields(Strict):
    """One fault: its kind with its targets (``true`` for the house), when, for how long, and its rates."""

    power: Names | None = None
    link: Names | None = None
    asymmetric_link: Names | None = None
    partition: Names | None = None
    agent_crash: Names | None = None
    wedge: Names | None = None
    disk_full: Names | None = None
    slow: Names | None = None
    flap: Names | None = None
    nic_reset: Names | None = None
    switch_reload: Names | None = None
    reboot: Names | None = None
    pause: Names | None = None
    exporter_crash: Names | None = None
    label_rename: Names | None = None
    name_swap: Names | None = None
    reimage: Names | None = None
    lying_agent: Names | None = None
    lying_vantage: Names | None = None
    signal: Names | None = None
    clock_jump: Duration | None = None
    store_outage: Flag | None = None
    store_lag: Duration | None = None
    partial_data: Share | None = None
    future_data: Duration | None = None
    restored_journal: Duration | None = None
    remediator_crash: (
        Literal["before_commit", "after_commit", "before_send", "after_send", "before_outcome"] | None
    ) = None
    remediator_pause: Flag | None = None
    duplicate_events: Share | None = None
    reordered_events: Share | None = None
    provider: Literal["sold_out", "never_delivers"] | None = None
    orchestrator: Literal["silent", "of_another"] | None = None
    at: Duration
    for_: Annotated[Duration | None, Field(alias="for")] = None
    # Of partition: the other side (remediator, or targets; everything else by default).
    from_: Annotated[Names | None, Field(alias="from")] = None
    every: Duration = timedelta(seconds=10)
    down: Share = 0.5
    loss: Share = 0.3
    way: Literal["in", "out"] = "out"
    says: Text = ""
    alert: Text = ""
    labels: dict[Some, Text] = Field(default_factory=dict)
    blind: bool = False
    back: bool = False

    @model_validator(mode="after")
    def _one_kind(self) -> "FaultFields":
        given = [kind for kind in KINDS if getattr(self, kind) is not None]
        if len(given) != 1:
            raise ValueError(f"a fault has exactly one kind, this has {', '.join(given) or 'none'}")
        if (given[0] == "signal") != bool(self.alert):
            raise ValueError("alert names what signal makes true; other faults have none")
        return self

    @property
    def kind(self) -> str:
        return next(kind for kind in KINDS if getattr(self, kind) is not None)


class AskFields(Strict):
    """Something that somebody asks for; ``count`` of create is how many, ``for`` of maintenance how long."""

    destroy: Names | None = None
    create: Some | None = None
    freeze: Some | None = None
    thaw: Flag | None = None
    cordon: Names | None = None
    uncordon: Names | None = None
    maintenance: Names | None = None
    hold: Names | None = None
    approve: Some | None = None
    deny: Some | None = None
    release: Names | None = None
    retire: Names | None = None
    reconcile: Flag | None = None
    replaced: Names | None = None
    at: Duration
    for_: Annotated[Duration | None, Field(alias="for")] = None
    by: Literal["owner", "operator"] = "owner"
    count: Count = 1
    region: Text = ""
    memory_mb: Count = 256

    @model_validator(mode="after")
    def _one_kind(self) -> "AskFields":
        given = [kind for kind in ASKS if getattr(self, kind) is not None]
        if len(given) != 1:
            raise ValueError(f"one thing is asked for at a time, this asks for {', '.join(given) or 'none'}")
        return self

    @property
    def kind(self) -> str:
        return next(kind for kind in ASKS if getattr(self, kind) is not None)


class GridFields(Strict):
    """A regular fleet: hosts per rack, racks per region, machines per host."""

    regions: Annotated[int, Field(ge=1, le=26)] = 1
    racks: Annotated[int, Field(ge=1, le=1000)] = 3
    hosts: Annotated[int, Field(ge=1, le=1000)] = 4
    machines: Annotated[int, Field(ge=0, le=100)] = 2
    volumes: Share = 0.0


class StoryFile(Strict):
    """A story: a fleet, what befalls it, what is asked of it, and until when; what is left out is well."""

    story: Some
    seed: Count = 1
    hosts: Places | None = None
    grid: GridFields | None = None
    bmc: bool = False
    orchestrator: bool = False
    vantages: dict[Some, Some] | None = None
    machines: dict[Some, list[Annotated[MachineFields, BeforeValidator(_named)]]] = Field(default_factory=dict)
    full: list[Some] = Field(default_factory=list)
    cordoned: dict[Some, Some] = Field(default_factory=dict)
    labels: dict[Some, dict[Some, Text]] = Field(default_factory=dict)
    modes: dict[Name, Mode] = Field(default_factory=dict)
    on_return: dict[Text, Literal["keep_original", "keep_replacement"]] = Field(default_factory=dict)
    faults: list[FaultFields] = Field(default_factory=list)
    asks: list[AskFields] = Field(default_factory=list)
    until: Duration = timedelta(minutes=5)
    # Wishes about the end, checked beside the golden log: a name of a score and its bound.
    score: dict[Some, float] = Field(default_factory=dict)
