"""What rule files, playbooks and limits may say: strict, at the border only."""

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StringConstraints

from remediator.actions.fields import Duration, ShareOf, Strict, Text
from remediator.policy.promql.bounds import bounded_expression

LONGEST_LADDER = 50
Expression = Annotated[Text, AfterValidator(bounded_expression)]
Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z_]*[a-z]$")]
LabelName = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$")]
Mode = Literal["disabled", "shadow", "approve", "auto"]
Scope = Literal["region", "rack", "app", "fleet"]
TargetKind = Literal["host", "rack", "region", "machine", "volume", "app", "version"]


class RuleFields(Strict):
    """One rule in the format of Prometheus 2.42."""

    alert: Text = ""
    """the name of the alert; a rule has either this or record"""
    record: Text = ""
    """the name of the series that the result is recorded as"""
    expr: Expression
    """PromQL; every element of its result is an alert"""
    for_: Duration = Field(default=timedelta(), alias="for")
    """how long an element has to be there before it fires"""
    keep_firing_for: Duration = timedelta()
    """how long it goes on firing after the last element"""
    labels: dict[LabelName, Text] = Field(default_factory=dict)
    """added to the result; playbook names what may be done, or none"""
    annotations: dict[LabelName, Text] = Field(default_factory=dict)
    """templates for people, such as summary"""


class GroupFields(Strict):
    """One group; Prometheus' own default interval is a minute."""

    name: Annotated[Text, StringConstraints(min_length=1)]
    interval: Duration = timedelta(minutes=1)
    """how often its rules are evaluated"""
    limit: Count = 0
    """the most alerts a rule of it may make; 0 for any number"""
    rules: list[RuleFields] = Field(default_factory=list)


class AlertFile(Strict):
    """A file under rules/alerts/."""

    groups: list[GroupFields]


class OutcomeFields(Strict):
    """What follows when there is no data, and when the store cannot answer."""

    no_data: Literal["resolve", "keep", "alert"] | None = None
    """what follows when none of the series that the rule reads is there"""
    error: Literal["keep", "alert"] | None = None
    """what follows when the store cannot answer"""


class OutcomesFile(Strict):
    """rules/outcomes.yml: the policy of the alerts that are named, and of all others; Prometheus' own by default."""

    default: OutcomeFields = Field(default_factory=OutcomeFields)
    """of every alert that is not named"""
    alerts: dict[Text, OutcomeFields] = Field(default_factory=dict)
    """by the name of the alert"""


class ShareFields(Strict):
    """A share of a scope, with a floor for small fleets."""

    share: ShareOf
    """of all hosts in the scope"""
    at_least: Count = 0
    """the floor for small fleets"""


class RateFields(ShareFields):
    """A share that may be used once in each span."""

    per: Duration = timedelta(hours=1)
    """the span that the share is for"""


class BudgetFields(Strict):
    """One scope's ceilings."""

    scope: Scope
    """where hosts are counted"""
    max_in_flight: ShareFields | None = None
    """the most targets that are being acted on at once"""
    rate: RateFields | None = None
    """the most targets that are begun in a span"""
    newly_unhealthy: ShareFields | None = None
    """when so many have newly failed, this playbook stops"""
    within: Duration = timedelta(hours=1)
    """the span in which newly_unhealthy is counted"""


class EvidenceFields(Strict):
    """What direct evidence must say."""

    verdict: Literal["dead", "wedged", "agent_gone", "partitioned", "unscraped", "none"] = "dead"
    """what direct evidence must say; none asks for no evidence"""
    assigned_majority: bool = True
    """more than half of the assigned vantages must agree"""
    outside_rack: Count | None = None
    """so many of them stand outside the rack"""
    max_age: Duration = timedelta(seconds=3)
    """older evidence does not count"""
    veto: Literal["any_fresh_sighting"] = "any_fresh_sighting"


class RequiresFields(Strict):
    """Evidence and waiting before the first act."""

    evidence: EvidenceFields | None = None
    continuous: Duration | None = None
    """no contrary sign for so long"""
    settle: Duration | None = None
    """a look for siblings for so long"""
    capacity: Literal["", "proof"] = ""
    """proof: nothing is moved before room was found for every machine; hosts are asked for first"""


WINDOWS = (timedelta(seconds=30), timedelta(hours=1))


def _counted_in(span: timedelta) -> timedelta:
    if not WINDOWS[0] <= span <= WINDOWS[1]:
        raise ValueError("suspects are counted in windows from 30s to 1h")
    return span


Window = Annotated[Duration, AfterValidator(_counted_in)]


class CorrelatedFields(Strict):
    """From when on failures are one incident."""

    by: Annotated[list[Name], Field(min_length=1)]
    """labels that failures may share"""
    at_least: Annotated[int, Field(ge=2)] = 3
    """from so many on"""
    within: Annotated[list[Window], Field(min_length=1)] = Field(default_factory=lambda: list(WINDOWS))
    """the windows that they are counted in"""
    then: Literal["incident"] = "incident"
    """what they are then: one incident, held until it is proved, over, or released"""
    deadline: Duration = timedelta(hours=4)
    """when an incident that nothing explains is left to people for good"""
    uplink: list[Text] = Field(default_factory=list)
    """alerts that say of a rack or region that its uplink is dead"""


class VerifyFields(Strict):
    """What must be true in the end."""

    every_machine: list[Literal["placed", "held", "waiting"]] = Field(default_factory=list)
    within: Duration
    otherwise: Literal["notify", "ask"] = "notify"


class AskFields(Strict):
    """How long a question to people stands, and what follows."""

    expires: Duration
    """how long people have to answer"""
    then: Literal["next_rung", "hold_and_page", "proceed_if_proved"]
    """what follows when nobody answered"""
    remind: list[Duration] = Field(default_factory=list)
    """when people are reminded"""


class BacklogFields(Strict):
    """What is done about many asks at once after a start or a rule change."""

    after: list[Literal["start", "rule_change"]]
    approve_above: Count
    """more asks than this wait for a person"""
    for_: Duration = Field(alias="for")


class EffectivenessFields(Strict):
    """When a playbook that does not help asks before each act."""

    last: Annotated[int, Field(ge=2, le=1000)] = 10
    """so many remediations are looked back on"""
    at_least: ShareOf
    """of them must have succeeded"""


class UndoFields(Strict):
    """What takes the acts back."""

    action: Literal["mark_host_alive", "uncordon"]
    healthy_for: Duration
    """how long the target has to be healthy before"""


class PlaybookFile(Strict):
    """A file under rules/playbooks/; steps are checked against the actions' own parameters later."""

    playbook: Name
    """its name, as the file is called; rules ask for it with the label playbook"""
    mode: Mode = "shadow"
    """disabled, shadow (say what would be done), approve (ask people first) or auto"""
    target: TargetKind
    """the label that names what is acted on"""
    requires: RequiresFields = Field(default_factory=RequiresFields)
    """evidence and waiting before the first act"""
    budget: list[BudgetFields] = Field(default_factory=list)
    """how much may be done at once, and in a span of time"""
    correlated: CorrelatedFields | None = None
    """from how many failures under one label on they are one incident, and held"""
    steps: Annotated[list[Any], Field(min_length=1, max_length=LONGEST_LADDER)]
    """the ladder: actions in order, each with its parameters"""
    verify: VerifyFields | None = None
    """what must be true in the end"""
    ask: AskFields | None = None
    """how long a question to people stands, and what follows"""
    cooldown: Duration = timedelta(minutes=10)
    """how long the same step on the same target is not repeated"""
    backlog: BacklogFields | None = None
    """what is done about many asks at once after a start or a change of rules"""
    undo: UndoFields | None = None
    """what takes the acts back"""
    effectiveness: EffectivenessFields | None = None
    """when a playbook that does not help asks before each act"""


class LimitsFile(Strict):
    """rules/limits.yml: the ceilings of every playbook, so each of them has to be said, but for the agents' own."""

    patience: Duration
    """from a death until replaced originals may be condemned"""
    max_in_flight: ShareFields
    """the most hosts in flight in one scope"""
    newly_unhealthy: ShareFields
    """how many hosts may newly fail in one scope before a playbook stops"""
    settle: Duration
    """the shortest look for siblings before a first act"""
    continuous: Duration
    """the shortest time without any contrary sign"""
    outside_rack: Count
    """the fewest silent vantages outside the own rack of a host"""
    correlated_at_least: Positive
    """from how many suspects under one label on they are one incident"""
    automatic_destroys: RateFields = RateFields(share=0.5, at_least=10, per=timedelta(hours=1))
    """how many of a host's running machines its agent lets automatic decisions destroy"""
    poison: Duration = timedelta(minutes=15)
    """a machine whose last two hosts each died so soon after its start is not started again without a person"""
    burst_money: Annotated[float, Field(ge=0)] = 0
    """the most that the hosts for one demand may cost, at the price that burst_provision names; 0: not counted"""
