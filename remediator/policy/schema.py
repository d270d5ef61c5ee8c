"""What rule files, playbooks and limits may say: strict, at the border only."""

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from remediator.actions.fields import Duration, ShareOf, Strict, Text

Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z_]*[a-z]$")]
LabelName = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$")]
Mode = Literal["disabled", "shadow", "approve", "auto"]
Scope = Literal["region", "rack", "app", "fleet"]
TargetKind = Literal["host", "rack", "region", "machine", "volume", "app"]


class RuleFields(Strict):
    """One rule in the format of Prometheus 2.42."""

    alert: Text = ""
    record: Text = ""
    expr: Text
    for_: Duration = Field(default=timedelta(), alias="for")
    keep_firing_for: Duration = timedelta()
    labels: dict[LabelName, Text] = Field(default_factory=dict)
    annotations: dict[LabelName, Text] = Field(default_factory=dict)


class GroupFields(Strict):
    """One group; Prometheus' own default interval is a minute."""

    name: Annotated[Text, StringConstraints(min_length=1)]
    interval: Duration = timedelta(minutes=1)
    limit: Count = 0
    rules: list[RuleFields] = Field(default_factory=list)


class AlertFile(Strict):
    """A file under rules/alerts/."""

    groups: list[GroupFields]


class ShareFields(Strict):
    """A share of a scope, with a floor for small fleets."""

    share: ShareOf
    at_least: Count = 0


class RateFields(ShareFields):
    """A share that may be used once in each span."""

    per: Duration = timedelta(hours=1)


class BudgetFields(Strict):
    """One scope's ceilings."""

    scope: Scope
    max_in_flight: ShareFields | None = None
    rate: RateFields | None = None
    newly_unhealthy: ShareFields | None = None
    within: Duration = timedelta(hours=1)


class EvidenceFields(Strict):
    """What direct evidence must say."""

    verdict: Literal["dead", "wedged", "agent_gone", "partitioned", "unscraped", "none"] = "dead"
    assigned_majority: bool = True
    outside_rack: Count | None = None
    max_age: Duration = timedelta(seconds=3)
    veto: Literal["any_fresh_sighting"] = "any_fresh_sighting"


class RequiresFields(Strict):
    """Evidence and waiting before the first act."""

    evidence: EvidenceFields | None = None
    continuous: Duration | None = None
    settle: Duration | None = None


class CorrelatedFields(Strict):
    """From when on failures are one incident."""

    by: Annotated[list[Name], Field(min_length=1)]
    at_least: Annotated[int, Field(ge=2)] = 3
    within: Annotated[list[Duration], Field(min_length=1)] = Field(default_factory=lambda: [timedelta(seconds=30)])
    then: Literal["incident"] = "incident"


class VerifyFields(Strict):
    """What must be true in the end."""

    every_machine: list[Literal["placed", "held", "waiting"]] = Field(default_factory=list)
    within: Duration
    otherwise: Literal["notify", "ask"] = "notify"


class AskFields(Strict):
    """How long a question to people stands, and what follows."""

    expires: Duration
    then: Literal["next_rung", "hold_and_page", "proceed_if_proved"]
    remind: list[Duration] = Field(default_factory=list)


class BacklogFields(Strict):
    """What is done about many asks at once after a start or a rule change."""

    after: list[Literal["start", "rule_change"]]
    approve_above: Count
    for_: Duration = Field(alias="for")


class UndoFields(Strict):
    """What takes the acts back."""

    action: Literal["mark_host_alive", "uncordon"]
    healthy_for: Duration


class PlaybookFile(Strict):
    """A file under rules/playbooks/; steps are checked against the actions' own parameters later."""

    playbook: Name
    mode: Mode = "shadow"
    target: TargetKind
    requires: RequiresFields = Field(default_factory=RequiresFields)
    budget: list[BudgetFields] = Field(default_factory=list)
    correlated: CorrelatedFields | None = None
    steps: Annotated[list[Any], Field(min_length=1)]
    verify: VerifyFields | None = None
    ask: AskFields | None = None
    cooldown: Duration = timedelta(minutes=10)
    backlog: BacklogFields | None = None
    undo: UndoFields | None = None


class LimitsFile(Strict):
    """rules/limits.yml: the ceilings of every playbook, so each of them has to be said."""

    patience: Duration
    max_in_flight: ShareFields
    newly_unhealthy: ShareFields
    settle: Duration
    continuous: Duration
    outside_rack: Count
    correlated_at_least: Positive
