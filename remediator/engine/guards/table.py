"""Guards: each looks at one ask and says hold, or nothing. A guard that errs blocks. PURE."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from remediator.actions.spec import Case
from remediator.engine.guards.budgets import budgets as budgets
from remediator.engine.guards.capacity import capacity as capacity
from remediator.engine.guards.cooldown import cooldown as cooldown
from remediator.engine.guards.correlated import correlated as correlated
from remediator.engine.guards.durability import durability as durability
from remediator.engine.guards.effectiveness import effectiveness as effectiveness
from remediator.engine.guards.facts import SHADOW
from remediator.engine.guards.flapping import flapping as flapping
from remediator.engine.guards.guard import AnyGuard, Facts, Guard, name_of
from remediator.engine.guards.guard import checked as checked
from remediator.engine.guards.guard import first_hold as first_hold
from remediator.engine.guards.holds import operator_hold as operator_hold
from remediator.engine.guards.self_fencing import self_fencing as self_fencing
from remediator.engine.guards.self_fencing import self_fencing_adding as self_fencing_adding
from remediator.engine.guards.witnesses import destructive_witnesses as destructive_witnesses
from remediator.engine.guards.witnesses import gate as gate
from remediator.engine.guards.witnesses import witnesses_of as witnesses_of
from remediator.engine.incidents.survivors import survivors as survivors
from remediator.engine.index import index_of
from remediator.engine.people.maintenance import maintenance as maintenance
from remediator.model.decision import Hold
from remediator.model.policy import Kind, Mode

# What fell within this time of each other fell at once: the shortest window of correlation.
AT_ONCE = timedelta(seconds=30)
# What is silent so soon after a start, or a change, was so before it; who was heard since has no part in a backlog.
AWAY = timedelta(seconds=10)


def _read_frozen(case: Case) -> Facts | None:
    return {"frozen": case.fleet.frozen} if case.fleet.frozen else None


def _judge_frozen(facts: Facts) -> Hold:
    return Hold("Frozen", f"all acting is stopped: {facts['frozen']}")


def _read_evidence(case: Case) -> Facts | None:
    wants, verdict = case.playbook.evidence, case.fleet.verdicts.get(case.target)
    if not wants.verdict:
        return None
    facts: Facts = {"wants": wants.verdict, "max_age": wants.max_age.total_seconds(), "must": wants.outside_rack}
    if verdict is None:
        return facts
    facts |= {"verdict": verdict.kind.value, "silent": verdict.silent, "assigned": verdict.assigned}
    facts["age"] = seconds(case.now - verdict.newest) if verdict.newest else None
    facts["outside"] = verdict.outside_rack
    facts["weights"] = {vantage: round(weight, 3) for vantage, weight in verdict.weights}
    return facts


def _judge_evidence(facts: Facts) -> Hold | None:
    """Direct evidence must agree before an automatic act that asks for it."""
    if "contrary" in facts:
        return Hold("EvidenceDisagrees", f"direct evidence does not agree: {facts['contrary']}")
    seen = facts.get("verdict", "no evidence")
    if seen != facts["wants"]:
        return Hold("EvidenceDisagrees", f"direct evidence says {seen}, not {facts['wants']}", _votes(facts))
    if facts["age"] is None or facts["age"] > facts["max_age"]:
        return Hold("EvidenceStale", "no probe result is fresh enough", _votes(facts))
    if facts["outside"] < facts["must"]:
        told = f"only {facts['outside']} vantages outside its rack agree, {facts['must']} must"
        return Hold("QuorumTooSmall", told, _votes(facts))
    return None


def _votes(facts: Facts) -> Facts:
    return {name: facts[name] for name in ("verdict", "silent", "assigned") if name in facts}


def seconds(span: timedelta) -> float:
    """A span as it is kept with a decision."""
    return round(span.total_seconds(), 6)


def _read_continuity(case: Case) -> Facts | None:
    verdict = case.fleet.verdicts.get(case.target)
    if not case.playbook.evidence.verdict or verdict is None or verdict.suspect_since is None:
        return None
    began = max(verdict.suspect_since, case.fleet.unbroken_since or verdict.suspect_since)
    need = max(case.playbook.continuous, case.playbook.settle)
    return {"lasted": seconds(case.now - began), "need": seconds(need)}


def _judge_continuity(facts: Facts) -> Hold | None:
    """Continuous and settle run together, from the first missed probe, as far as it was heard unbroken."""
    if facts["lasted"] < facts["need"]:
        return Hold("Settling", f"unbroken for {facts['lasted']:.1f} s of {facts['need']:.0f} s")
    return None


def _read_backlog(case: Case) -> Facts | None:
    rule = case.playbook.backlog
    since = case.fleet.backlog_since.get(case.playbook.name)
    if rule is None or since is None or case.remediation.steps or case.now - since >= rule.hold_for:
        return None
    until = (since + rule.hold_for).isoformat(timespec="seconds")
    return {"asking": len(at_once(case)), "allowed": rule.approve_above, "until": until, "released": _let_go(case)}


def _let_go(case: Case) -> bool:
    """Whether a person named it: their word stands for the ratio."""
    mine = case.fleet.releases.values()
    return any(release.covers(case.target, case.playbook.name, case.now) for release in mine)


def _judge_backlog(facts: Facts) -> Hold | None:
    """After our start, or a change of its rules, a playbook that many ask for at once waits for a person."""
    if facts["released"] or facts["asking"] <= facts["allowed"]:
        return None
    many = f"{facts['asking']} ask at once just after a start or a change of rules"
    told = f"{many}, {facts['allowed']} may, until {facts['until']}"
    return Hold("Backlog", told, {"asking": facts["asking"], "allowed": facts["allowed"]}, asks=True)


def at_once(case: Case) -> frozenset[str]:
    """Whom a young playbook is asked to act on now; if the target fell while we were away, also whom it began with.

    What fell then is never noticed in one tick.
    """
    verdict, began = case.fleet.verdicts.get(case.target), case.fleet.backlog_since[case.playbook.name]
    fell = (verdict.suspect_since if verdict else None) or case.now
    if fell > began + AWAY:
        return asking(case)
    return asking(case) | index_of(case).begun_since(case.playbook.name, max(began, fell - AT_ONCE))


def asking(case: Case) -> frozenset[str]:
    """Whom this playbook is asked to act on now, and has not begun with."""
    return index_of(case).asking(case.playbook)


def _read_mode(case: Case) -> Facts | None:
    return None if case.playbook.mode is Mode.AUTO else {"mode": case.playbook.mode.value}


def _judge_mode(facts: Facts) -> Hold:
    """Whoever only watches does nothing; whoever needs approval asks for it."""
    told = f"mode is {facts['mode']}"
    return Hold(SHADOW, told) if facts["mode"] == Mode.SHADOW.value else Hold("NeedsApproval", told, asks=True)


frozen = Guard("frozen", _read_frozen, _judge_frozen)
evidence = Guard("evidence", _read_evidence, _judge_evidence)
continuity = Guard("continuity", _read_continuity, _judge_continuity)
backlog = Guard("backlog", _read_backlog, _judge_backlog)

# Cheapest and plainest first: the first that holds is the one that is shown.
BEFORE_ANY: tuple[AnyGuard, ...] = (
    frozen,
    operator_hold,
    maintenance,
    evidence,
    continuity,
    correlated,
    backlog,
    budgets,
)
# What heals is never blocked by a budget or a breaker: only a person's word and the evidence bind it.
BEFORE_HEALING: tuple[AnyGuard, ...] = (frozen, operator_hold, maintenance, evidence, continuity)
mode = Guard("mode", _read_mode, _judge_mode)
# The gate binds whatever changes the fleet; telling and healing pass.
BY_KIND: dict[Kind, tuple[AnyGuard, ...]] = {
    Kind.DESTRUCTIVE: (self_fencing, flapping, destructive_witnesses, cooldown, effectiveness, durability, mode),
    Kind.ADDITIVE: (self_fencing_adding, gate, survivors, capacity, cooldown, effectiveness, mode),
    Kind.HEALING: (mode,),
    Kind.TELLING: (cooldown, mode),
}


@dataclass(frozen=True, slots=True)
class Guarding:
    """Which guards are asked: before the first rung, before what only heals, and by the kind of a step."""

    before: tuple[AnyGuard, ...] = BEFORE_ANY
    healing: tuple[AnyGuard, ...] = BEFORE_HEALING
    by_kind: Mapping[Kind, tuple[AnyGuard, ...]] = field(default_factory=lambda: BY_KIND)

    def without(self, name: str) -> "Guarding":
        """The same without one guard: to see what it is good for."""
        kept = {kind: _without(many, name) for kind, many in self.by_kind.items()}
        return Guarding(_without(self.before, name), _without(self.healing, name), kept)


def _without(many: tuple[AnyGuard, ...], name: str) -> tuple[AnyGuard, ...]:
    return tuple(guard for guard in many if name_of(guard) != name)


ALL = Guarding()
