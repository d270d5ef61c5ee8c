"""Policy: what may be done about an alert, and under which guards."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from remediator.model.alert import Group


class Mode(StrEnum):
    DISABLED = "disabled"
    SHADOW = "shadow"
    APPROVE = "approve"
    AUTO = "auto"


class Kind(StrEnum):
    """What an action does to the fleet; guards and the gate bind the destructive ones hardest."""

    DESTRUCTIVE = "destructive"
    ADDITIVE = "additive"
    HEALING = "healing"
    TELLING = "telling"


@dataclass(frozen=True, slots=True)
class Share:
    """A share of a scope with a floor for small fleets."""

    share: float
    at_least: int = 0

    def of(self, total: int) -> int:
        return max(self.at_least, int(self.share * total))


@dataclass(frozen=True, slots=True)
class Budget:
    """How much a playbook may do at once, per hour, and how many hosts may newly fail before it stops.

    ``scope`` is region, rack, app or fleet.
    """

    scope: str
    max_in_flight: Share | None = None
    rate: Share | None = None
    per: timedelta = timedelta(hours=1)
    newly_unhealthy: Share | None = None
    within: timedelta = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class EvidenceGuard:
    """What direct evidence must say before an act; ``verdict`` empty asks for none."""

    verdict: str = ""
    assigned_majority: bool = True
    outside_rack: int = 2
    max_age: timedelta = timedelta(seconds=3)
    veto: str = "any_fresh_sighting"


@dataclass(frozen=True, slots=True)
class Correlated:
    """From how many suspects under one label on, failures are one incident and held.

    They are counted in each window of ``within``; an incident that nothing explains ends at its ``deadline``.
    ``uplink`` names alerts that say of a rack or region that its uplink is dead.
    """

    by: tuple[str, ...] = ("rack", "region")
    at_least: int = 3
    within: tuple[timedelta, ...] = (timedelta(seconds=30), timedelta(hours=1))
    deadline: timedelta = timedelta(hours=4)
    uplink: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Backlog:
    """After a start or a change of the rules, more asks than ``approve_above`` wait for a person, for that long."""

    after: tuple[str, ...] = ("start", "rule_change")
    approve_above: int = 2
    hold_for: timedelta = timedelta(minutes=10)


class Then(StrEnum):
    """What follows when nobody answers a question."""

    NEXT_RUNG = "next_rung"
    HOLD_AND_PAGE = "hold_and_page"
    PROCEED_IF_PROVED = "proceed_if_proved"


@dataclass(frozen=True, slots=True)
class Asking:
    """How long a question to people stands, what follows then, and after which spans they are reminded."""

    expires: timedelta = timedelta(minutes=30)
    then: Then = Then.HOLD_AND_PAGE
    remind: tuple[timedelta, ...] = ()


@dataclass(frozen=True, slots=True)
class Verify:
    """What each machine of the target must be ``within`` a span of the first act; else ``otherwise``: notify or ask.

    Without ``every_machine`` the signal itself must have cleared.
    """

    within: timedelta
    every_machine: tuple[str, ...] = ()
    otherwise: str = "notify"


@dataclass(frozen=True, slots=True)
class Effectiveness:
    """Below that share of successes among its ``last`` remediations a playbook asks before each act."""

    last: int = 10
    at_least: float = 0.5


@dataclass(frozen=True, slots=True)
class Undo:
    """What takes acts in passing back once the target was healthy for so long: uncordon or mark_host_alive."""

    action: str
    healthy_for: timedelta = timedelta()


@dataclass(frozen=True, slots=True)
class Step:
    """One rung: an action's name and its checked parameters; ``meanwhile`` runs beside it."""

    action: str
    params: dict[str, Any] = field(default_factory=dict)
    meanwhile: "Step | None" = None


@dataclass(frozen=True, slots=True)
class Playbook:
    """One file under rules/playbooks/."""

    name: str
    mode: Mode
    target: str
    steps: tuple[Step, ...]
    evidence: EvidenceGuard = EvidenceGuard()
    continuous: timedelta = timedelta(seconds=2)
    settle: timedelta = timedelta(seconds=2)
    budgets: tuple[Budget, ...] = ()
    correlated: Correlated | None = None
    # "proof": nothing is moved before room was found for everything.
    capacity: str = ""
    cooldown: timedelta = timedelta(minutes=10)
    verify: Verify | None = None
    ask: Asking | None = None
    backlog: Backlog | None = None
    undo: Undo | None = None
    effectiveness: Effectiveness = Effectiveness()
    file: str = ""

    def step(self, action: str) -> Step | None:
        """The step of that action wherever it stands, also beside another."""
        flat = [inner for step in self.steps for inner in (step, step.meanwhile) if inner]
        return next((step for step in flat if step.action == action), None)


@dataclass(frozen=True, slots=True)
class Limits:
    """Ceilings that no playbook may loosen (rules/limits.yml, read at start only)."""

    patience: timedelta = timedelta(seconds=120)
    max_in_flight: Share = Share(0.05, 2)
    newly_unhealthy: Share = Share(0.10, 1)
    settle: timedelta = timedelta(seconds=2)
    continuous: timedelta = timedelta(seconds=2)
    outside_rack: int = 2
    correlated_at_least: int = 3
    # What each agent lets automatic decisions destroy of what runs on its host.
    automatic_destroys: Share = Share(0.5, 10)
    automatic_destroys_per: timedelta = timedelta(hours=1)
    # A host's death so soon after a machine's start there is laid at the machine's door; twice, and it is held.
    poison: timedelta = timedelta(minutes=15)
    # The most that the hosts for one demand may cost, in the money of burst_provision's price; 0: it is not counted.
    burst_money: float = 0.0


@dataclass(frozen=True, slots=True)
class Policy:
    """Everything people may edit, read and checked: rule groups, playbooks, limits."""

    groups: tuple[Group, ...] = ()
    playbooks: dict[str, Playbook] = field(default_factory=dict)
    limits: Limits = Limits()
    digest: str = ""


@dataclass(frozen=True, slots=True)
class InForce:
    """Which set of rules is in force, and since when; ``refused`` is what is wrong with a newer one, if any."""

    digest: str
    since: datetime
    refused: tuple[str, ...] = ()
    refused_at: datetime | None = None
