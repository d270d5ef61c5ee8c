"""decide: policy, fleet and now in; acts and holds out. Nothing is done here."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from remediator.actions.effects import Recreate
from remediator.actions.spec import ActionSpec, Case
from remediator.engine.asks import asks
from remediator.engine.climb import Verdicts as Verdicts
from remediator.engine.climb import climb, let_pass, stopped
from remediator.engine.guards.cooldown import earlier_steps
from remediator.engine.guards.effectiveness import noted
from remediator.engine.guards.facts import GUARDS, despite_gate, held
from remediator.engine.guards.guard import AnyGuard, Facts, Heard, hear
from remediator.engine.guards.table import ALL, Guarding, evidence
from remediator.engine.incidents.survivors import pace_of
from remediator.engine.index import Index, index_of
from remediator.engine.machines.placement import reserved
from remediator.engine.people import approvals
from remediator.engine.undo import undos
from remediator.engine.verify import FAILED, SUCCEEDED, VERIFY, due, judge_verify, read_verify
from remediator.model.decision import Remediation
from remediator.model.evidence import VerdictKind
from remediator.model.fleet import Fleet
from remediator.model.host import Life
from remediator.model.policy import Kind, Mode, Playbook, Policy
from remediator.model.record import Record

CLEARED = "the signal cleared"


@dataclass(frozen=True, slots=True)
class _Ask:
    playbook: Playbook
    target: str
    guarding: Guarding = ALL


def decide(
    policy: Policy,
    actions: Mapping[str, ActionSpec],
    liveness_playbook: str,
    fleet: Fleet,
    now: datetime,
    guarding: Guarding = ALL,
) -> Verdicts:
    """Every step that may be taken now, and every hold with its reason; worst and oldest asks first."""
    # Nothing else of them is looked at, and it is looked at for every ask: others may tell us a hundred thousand.
    fleet = replace(fleet, alerts=tuple(alert for alert in fleet.alerts if alert.actionable))
    total, index = Verdicts(), Index(fleet, now, frozenset(policy.playbooks))
    asked = asks(policy, liveness_playbook, index)
    for name, target in asked:
        found = _remedy(policy, actions, _Ask(policy.playbooks[name], target, guarding), fleet, index)
        total = total.with_all_of(found)
        fleet = _after(found, fleet, index)
    for undone, effects, after in undos(policy, fleet, now):
        total = total.with_all_of(Verdicts(((undone, effects),), (after,)))
    void = (
        *approvals.voided(fleet, policy.playbooks, set(asked)),
        *approvals.needless(fleet, (decision for decision, _ in total.decisions)),
    )
    # Voided first: what is asked anew in their place stands.
    return replace(total, approvals=(*void, *total.approvals))


def _after(found: Verdicts, fleet: Fleet, index: Index) -> Fleet:
    """What an ask has just taken (a slot, a host, its region's turn) counts against the next one."""
    if found.remediations:
        changed = {remediation.key: remediation for remediation in found.remediations}
        fleet = replace(fleet, remediations={**fleet.remediations, **changed})
    given = reserved(found.decisions, fleet)
    fleet = fleet if given is fleet.reserved else replace(fleet, reserved=given)
    index.took(fleet, found.remediations)
    for passed in (decision for decision, effects in found.decisions if effects and despite_gate(decision)):
        if home := fleet.hosts.get(passed.target):
            index.passed.setdefault(home.region, home.name)
    index.given_out += sum(isinstance(effect, Recreate) for _, effects in found.decisions for effect in effects)
    return fleet


def decide_one(
    policy: Policy,
    actions: Mapping[str, ActionSpec],
    playbook: str,
    target: str,
    fleet: Fleet,
    now: datetime,
    index: Index | None = None,
) -> Verdicts:
    """What one playbook decides of one target, were it asked now; what others ask for is not looked at."""
    known = index or Index(fleet, now, frozenset(policy.playbooks))
    return _remedy(policy, actions, _Ask(policy.playbooks[playbook], target), fleet, known)


def case_of(policy: Policy, playbook: str, target: str, fleet: Fleet, now: datetime) -> Case:
    """What guards and plans are given when that playbook is asked to act on that target."""
    index = Index(fleet, now, frozenset(policy.playbooks))
    return replace(_case(policy, _Ask(policy.playbooks[playbook], target), fleet, index), action="")


def _remedy(policy: Policy, actions: Mapping[str, ActionSpec], ask: _Ask, fleet: Fleet, index: Index) -> Verdicts:
    case = _case(policy, ask, fleet, index)
    if ask.playbook.mode is Mode.DISABLED:
        return Verdicts()
    over = _over(case)
    if over:
        return _ended(case, over)
    heard = hear(_before(actions, ask), case, partial(let_pass, case))
    if heard.hold:
        return stopped(case, heard, ())
    return _verified(case, climb(actions, case, heard, ask.guarding))


def _before(actions: Mapping[str, ActionSpec], ask: _Ask) -> tuple[AnyGuard, ...]:
    """What only heals passes budgets and breakers."""
    heals = all(actions[step.action].kind is Kind.HEALING for step in ask.playbook.steps)
    return ask.guarding.healing if heals else ask.guarding.before


def _verified(case: Case, taken: Verdicts) -> Verdicts:
    """The rungs' verdicts, and what the whole came to once its time is up: amiss, it is told, or people are asked."""
    remediation = taken.remediations[0] if taken.remediations else case.remediation
    if not remediation.open or remediation.verified == SUCCEEDED:
        return taken
    if not due(case.playbook, remediation, case.now):
        return taken
    case = replace(case, remediation=remediation, action=VERIFY)
    facts = read_verify(case)
    hold = judge_verify(facts) if facts else None
    if facts is None or not facts["late"]:
        return taken
    if hold is not None:
        taken = taken.with_all_of(stopped(case, Heard(hold, {VERIFY: facts}), ()))
    if remediation.verified:
        return taken
    judged = replace(remediation, verified=FAILED if hold else SUCCEEDED)
    return replace(taken, remediations=(judged,), records=(*taken.records, _record(case, succeeded=hold is None)))


def _record(case: Case, *, succeeded: bool) -> Record:
    known = case.fleet.records.get(case.playbook.name)
    return noted(known, case.playbook, case.target, case.now, succeeded=succeeded)


def _ended(case: Case, over: str) -> Verdicts:
    known = case.fleet.remediations.get(case.remediation.key)
    if known is not None and known.open:
        return _closed(case, known, over)
    # Asked for by a rule alone, against what direct evidence says.
    facts: Facts = {"contrary": over}
    hold = evidence.judge(facts)
    told = held(case, case.playbook.steps[0].action, hold, {GUARDS: {"evidence": facts}}) if hold else None
    return Verdicts(((told, ()),) if told else ())


def _closed(case: Case, known: Remediation, over: str) -> Verdicts:
    """At its end; that its signal cleared is a success, that a host came back by itself is neither."""
    ended = replace(known, closed_at=case.now, outcome=over)
    if known.verified or over != CLEARED:
        return Verdicts(remediations=(ended,))
    return Verdicts(remediations=(replace(ended, verified=SUCCEEDED),), records=(_record(case, succeeded=True),))


def _case(policy: Policy, ask: _Ask, fleet: Fleet, index: Index) -> Case:
    """Before its first step."""
    book, now = ask.playbook, index.now
    known = fleet.remediations.get(f"{book.name}/{ask.target}")
    opened = known if known and known.open else Remediation(book.name, ask.target, now)
    host = fleet.hosts.get(ask.target) if book.target == "host" else None
    first, given = book.steps[0].action if book.steps else "", index.given_out
    case = Case(book, ask.target, host, opened, fleet, policy.limits, now, first, index=index, given_out=given)
    if known and not known.open:
        case = replace(case, remediation=earlier_steps(case, known))
    return replace(case, pace=pace_of(case)) if ask.target in index.incidents else case


def _over(case: Case) -> str:
    """Why a remediation is at its end, empty while it is not."""
    if case.playbook.evidence.verdict == VerdictKind.DEAD.value:
        return "" if case.host and case.host.life is Life.DEAD else "the host is back"
    if not case.remediation.steps:
        return ""
    asking = bool(index_of(case).alerts(case.playbook.name, case.playbook.target, case.target))
    done = all(step.action in case.remediation.steps for step in case.playbook.steps)
    return "" if asking or not done else CLEARED
