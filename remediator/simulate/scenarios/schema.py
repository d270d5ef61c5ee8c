"""What a file of playbook scenarios may say: strict, at the border only."""

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from remediator.actions.fields import Duration, Strict, Text
from remediator.policy.schema import Mode, Name

Some = Annotated[Text, StringConstraints(min_length=1)]
State = Literal["created", "starting", "started", "stopped", "failed"]
VERBS = (
    "power_off", "silent", "cut_off", "agent_gone", "returns", "fires", "signal", "clear", "gate", "freeze", "thaw",
    "restarts", "rules_changed", "cordon", "uncordon", "maintain", "demand", "doubt", "trust", "hold",
    "approve", "deny",
)  # fmt: skip
OUTCOMES = ("act", "hold", "ask", "shadow")


def _many(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _named(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


Names = Annotated[list[Some], BeforeValidator(_many), Field(min_length=1)]
Gate = Literal["open", "closed"]
Held = Annotated[Text, StringConstraints(pattern=r"^(host|app|machine|playbook|rack|region|fleet)/.+$")]
Count = Annotated[int, Field(ge=0, le=100_000)]
# Region, rack, hosts.
Places = dict[Some, dict[Some, list[Some]]]
PLACES: Places = {"arn": {"r1": ["h1", "h2"], "r2": ["h3", "h4"], "r3": ["h5", "h6"]}}


class MachineFields(Strict):
    """A machine on a host, ``started`` so long ago; ``snapshot`` is the age of its volume's newest copy."""

    name: Some
    app: Some = "web"
    state: State = "started"
    started: Duration = timedelta(days=1)
    cpus: Count = 1
    memory_mb: Count = 256
    volume: bool = False
    snapshot: Duration | None = None
    recoverable: bool = True
    other_regions: Text = ""
    # Whom it stands by for, itself stopped.
    standbys: list[Some] = Field(default_factory=list)


class TakesFields(Strict):
    """How long the fleet takes for what it is told to do."""

    recreate: Duration = timedelta(seconds=2)
    restore: Duration = timedelta(seconds=5)
    migrate: Duration = timedelta(seconds=5)
    provision: Duration = timedelta(seconds=30)
    destroy: Duration = timedelta(seconds=1)
    give_back: Duration = timedelta(seconds=2)


class EventFields(Strict):
    """One thing that happens; exactly one of the verbs is given."""

    at: Duration
    power_off: Names | None = None
    silent: Names | None = None
    cut_off: Names | None = None
    agent_gone: Names | None = None
    returns: Names | None = None
    fires: Some | None = None
    signal: Some | None = None
    clear: Some | None = None
    gate: Gate | None = None
    freeze: Some | None = None
    thaw: Literal[True] | None = None
    restarts: Literal[True] | None = None
    rules_changed: Names | None = None
    cordon: Names | None = None
    uncordon: Names | None = None
    maintain: dict[Some, Duration] | None = None
    demand: dict[Some, Count] | None = None
    doubt: Some | None = None
    trust: Literal[True] | None = None
    hold: dict[Held, Duration] | None = None
    approve: dict[Some, Some] | None = None
    deny: dict[Some, Some] | None = None
    host: Some | None = None
    labels: dict[Some, Text] = Field(default_factory=dict)
    value: float | int = 1.0

    @model_validator(mode="after")
    def _one_verb(self) -> "EventFields":
        given = [verb for verb in VERBS if getattr(self, verb) is not None]
        if len(given) != 1:
            raise ValueError(f"an event has exactly one verb, this has {', '.join(given) or 'none'}")
        if given[0] not in ("fires", "signal", "clear") and (self.host or self.labels):
            raise ValueError(f"host and labels name an alert's target; {given[0]} takes none")
        return self

    @property
    def verb(self) -> str:
        return next(verb for verb in VERBS if getattr(self, verb) is not None)


class ExpectFields(Strict):
    """One decision: an outcome with its action (``any`` for whatever), whom it concerns, and when."""

    act: Some | None = None
    hold: Some | None = None
    ask: Some | None = None
    shadow: Some | None = None
    target: Some | None = None
    playbook: Some | None = None
    reason: Some | None = None
    at: Duration | None = None
    by: Duration | None = None
    after: Duration = timedelta()
    machines: Names | None = None

    @model_validator(mode="after")
    def _one_outcome(self) -> "ExpectFields":
        given = [outcome for outcome in OUTCOMES if getattr(self, outcome) is not None]
        if len(given) != 1:
            raise ValueError(f"names exactly one of {', '.join(OUTCOMES)}, this has {', '.join(given) or 'none'}")
        if self.at is not None and (self.by is not None or self.after):
            raise ValueError("at is an exact time: leave out by and after")
        return self


class ScenarioFields(Strict):
    """One scenario; whatever is left out is healthy."""

    name: Some
    hosts: Places = Field(default_factory=lambda: PLACES)
    vantages: dict[Some, list[Some]] | None = None
    machines: dict[Some, list[Annotated[MachineFields, BeforeValidator(_named)]]] = Field(default_factory=dict)
    full: Annotated[list[Some], BeforeValidator(_many)] = Field(default_factory=list)
    demands: dict[Some, Count] = Field(default_factory=dict)
    labels: dict[Some, dict[Some, Text]] = Field(default_factory=dict)
    cordoned: dict[Some, Some] = Field(default_factory=dict)
    # Hosts that a provider made for a burst, and for how long nothing has been on them.
    lent: dict[Some, Duration] = Field(default_factory=dict)
    maintenance: dict[Some, Duration] = Field(default_factory=dict)
    gate: Gate = "open"
    frozen: Text = ""
    suspected: dict[Some, Duration] = Field(default_factory=dict)
    ineffective: Annotated[list[Name], BeforeValidator(_many)] = Field(default_factory=list)
    modes: dict[Name, Mode] = Field(default_factory=dict)
    takes: TakesFields = Field(default_factory=TakesFields)
    tick: Duration = timedelta(seconds=1)
    until: Duration | None = None
    events: list[EventFields] = Field(default_factory=list)
    expect: list[ExpectFields] = Field(default_factory=list)
    never: list[ExpectFields] = Field(default_factory=list)
    exactly: Literal["acts", "all"] | None = None


class ScenarioFile(Strict):
    """A file under rules/tests/playbooks/; its scenarios are checked one by one."""

    playbook: Name
    scenarios: Annotated[list[Any], Field(min_length=1)]
