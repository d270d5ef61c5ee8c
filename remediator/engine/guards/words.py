"""A guard's word about one ask: also when it lets pass, with the numbers that it read."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from remediator.actions.spec import Case
from remediator.engine.climb import flat
from remediator.engine.guards import table as guards
from remediator.engine.guards.budgets import counts
from remediator.engine.guards.guard import AnyGuard, checked, name_of
from remediator.engine.index import index_of
from remediator.engine.people import approvals
from remediator.model.decision import Hold

PASSED, HOLDS, NOT_ASKED = "passed", "holds", "not asked"


@dataclass(frozen=True, slots=True)
class Word:
    """One guard's word: ``state`` is passed, holds or not asked; ``text`` has the numbers."""

    guard: str
    state: str
    text: str
    reason: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


def word_of(guard: AnyGuard, case: Case) -> Word:
    """What one guard says of a case: that it holds, that it lets pass, or that it is not asked, and why."""
    name = name_of(guard)
    hold = checked(guard, case)
    if hold is not None and hold.asks and _answered(case, hold):
        return Word(name, PASSED, f"a person let it pass: {hold.text}", facts=hold.facts)
    if hold is not None:
        return Word(name, HOLDS, hold.text, hold.reason, hold.facts)
    spared = _NOT_ASKED.get(name)
    why = spared(case) if spared else ""
    numbers = _NUMBERS.get(name)
    return Word(name, NOT_ASKED, why) if why else Word(name, PASSED, numbers(case) if numbers else "")


def _answered(case: Case, hold: Hold) -> bool:
    """Whether a person let that pass, for the step that is looked at or any other."""
    steps = {case.action, *(step.action for step in flat(case.playbook))}
    return any(hold.reason in approvals.approved(case, action) for action in steps)


def _no_evidence(case: Case) -> str:
    return "" if case.playbook.evidence.verdict else "the playbook asks for no direct evidence"


def _no_correlation(case: Case) -> str:
    if case.playbook.correlated is None:
        return "the playbook does not ask for it"
    if case.host is None:
        return "the target is no host"
    if case.remediation.steps and case.target not in index_of(case).incidents:
        return "asked before the first act only, and that was done"
    return ""


def _no_backlog(case: Case) -> str:
    if case.playbook.backlog is None:
        return "the playbook does not ask for it"
    if case.remediation.steps:
        return "asked before the first act only, and that was done"
    young = case.fleet.backlog_since.get(case.playbook.name)
    return "" if young else "neither a start nor a change of its rules was of late"


def _no_budget(case: Case) -> str:
    if not case.playbook.budgets:
        return "the playbook has no budget"
    return "asked before the first act only: this target has its slot" if case.remediation.steps else ""


def _evidence_numbers(case: Case) -> str:
    verdict, wants = case.fleet.verdicts[case.target], case.playbook.evidence
    votes = f"{verdict.silent} of {verdict.assigned} silent"
    return f"{verdict.kind}: {votes}, {verdict.outside_rack} outside its rack ({wants.outside_rack} must)"


def _continuity_numbers(case: Case) -> str:
    verdict = case.fleet.verdicts.get(case.target)
    if verdict is None or verdict.suspect_since is None:
        return "no probe is missed"
    need = max(case.playbook.continuous, case.playbook.settle).total_seconds()
    began = max(verdict.suspect_since, case.fleet.unbroken_since or verdict.suspect_since)
    return f"unbroken for {(case.now - began).total_seconds():.0f} s, {need:g} s must be"


def _budget_numbers(case: Case) -> str:
    told = [
        f"{count.name} {count.used} of {count.allowed} in this {count.scope}"
        for budget in case.playbook.budgets
        for count in counts(case, budget)
    ]
    return ", ".join(told)


def _backlog_numbers(case: Case) -> str:
    rule, since = case.playbook.backlog, case.fleet.backlog_since[case.playbook.name]
    if rule is None or case.now - since >= rule.hold_for:
        return "the time after the start, or the change of its rules, is over"
    return f"{len(guards.at_once(case))} ask, {rule.approve_above} may at once for now"


def _witnesses(case: Case) -> str:
    """Who says that the host is lost: what kills wants two of the three, whatever the gate says."""
    if not case.playbook.evidence.verdict:
        return "the metrics store is trusted"
    return f"{', '.join(guards.witnesses_of(case))} say so; of direct, store and power two must"


def _suspect_share(case: Case) -> float:
    verdict = case.fleet.verdicts.get(case.target)
    return verdict.suspect_share if verdict else 0.0


def _correlated_numbers(case: Case) -> str:
    incident = index_of(case).incidents.get(case.target)
    if incident is not None:
        return f"incident {incident.id} has let it go: {incident.reason}"
    rule = case.playbook.correlated
    return f"fewer than {rule.at_least} under one {' or '.join(rule.by)}, or no more than chance" if rule else ""


_NOT_ASKED: dict[str, Callable[[Case], str]] = {
    "maintenance": lambda case: "" if case.host else "the target is no host",
    "flapping": lambda case: "" if case.host else "the target is no host",
    "evidence": _no_evidence,
    "continuity": _no_evidence,
    "correlated": _no_correlation,
    "backlog": _no_backlog,
    "budgets": _no_budget,
    "survivors": lambda case: "" if case.target in index_of(case).incidents else "its host is in no incident",
    "capacity": lambda case: "" if case.playbook.capacity else "the playbook asks for no proof of room",
}
_NUMBERS: dict[str, Callable[[Case], str]] = {
    "frozen": lambda _: "nothing is frozen",
    "operator_hold": lambda _: "nobody holds it",
    "self_fencing": lambda _: "we have no reason to distrust ourselves",
    "flapping": lambda case: f"suspect for {_suspect_share(case):.0%} of ten minutes",
    "cooldown": lambda _: "not done of late",
    "effectiveness": lambda _: "it is trusted to act by itself",
    "mode": lambda case: f"mode is {case.playbook.mode}",
    "maintenance": lambda _: "not in maintenance",
    "evidence": _evidence_numbers,
    "continuity": _continuity_numbers,
    "correlated": _correlated_numbers,
    "backlog": _backlog_numbers,
    "budgets": _budget_numbers,
    "gate": lambda case: (
        "the metrics store is trusted" if case.fleet.gate and case.fleet.gate.open else _witnesses(case)
    ),
    "destructive_witnesses": _witnesses,
}
