"""A replay for machines. Its shape is stable: fields are added, never renamed; ``version`` counts breaks."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from remediator.model.decision import Decision
from remediator.simulate.replay.alerts import AlertLife, RuleReport
from remediator.simulate.replay.compare import Comparison, Difference
from remediator.simulate.replay.results import Replayed, Use, element

Value = dict[str, Any]
VERSION = 1


def as_json(replayed: Replayed, reproduction: Comparison | None, against: tuple[str, Comparison] | None) -> Value:
    """Everything that was found; moments in RFC 3339, lengths in seconds."""
    found = {
        "version": VERSION,
        "from": _at(replayed.stretch.start),
        "to": _at(replayed.stretch.end),
        "policy": replayed.policy,
        "sources": replayed.sources,
        "notes": replayed.notes,
        "rules": [_rule(each) for each in replayed.rules],
        "decisions": [_decision(each) for each in replayed.decisions],
        "holds": [
            {**_decision(each.decision), "ended": _at(each.ended), "seconds": each.lasted.total_seconds()}
            for each in replayed.holds
        ],
        "alerts": [_alert(each) for each in replayed.alerts],
        "flaps": [
            {"rule": rule, "element": name, "fired": fired, "pending_in_vain": pending}
            for (rule, name), (fired, pending) in replayed.flaps().items()
        ],
        "budgets": [_budget(*key, uses) for key, uses in replayed.budgets.items()],
        "lives": [{"at": _at(each.at), "host": each.host, "life": each.life} for each in replayed.lives],
    }  # fmt: skip
    found["reproduction"] = _comparison(reproduction, ("only_in_journal", "only_in_replay")) if reproduction else None
    if against:
        found["against"] = {"revision": against[0], **_comparison(against[1], ("only_here", "only_there"))}
    return found


def _at(at: datetime | None) -> str | None:
    return at.isoformat() if at else None


def _rule(rule: RuleReport) -> Value:
    return {
        "rule": rule.rule, "group": rule.group, "step_seconds": rule.step.total_seconds(),
        "how": rule.how, "elements": rule.elements, "error": rule.error,
    }  # fmt: skip


def _budget(playbook: str, what: str, where: str, uses: list[Use]) -> Value:
    return {
        "playbook": playbook, "what": what, "where": where, "most_used": max(use.used for use in uses),
        "uses": [{"at": _at(use.at), "used": use.used, "allowed": use.allowed} for use in uses],
    }  # fmt: skip


def _decision(decision: Decision) -> Value:
    return {
        "at": _at(decision.at), "playbook": decision.playbook, "target": decision.target,
        "action": decision.action, "outcome": decision.outcome.value, "reason": decision.reason,
        "text": decision.text, "effects": list(decision.effects),
    }  # fmt: skip


def _alert(life: AlertLife) -> Value:
    return {
        "rule": life.rule, "element": element(life), "labels": life.labels, "active_at": _at(life.born),
        "fired_at": _at(life.fired), "ended_at": _at(life.ended), "value": life.value,
        "actionable": [[_at(low), _at(high)] for low, high in life.actionable],
    }  # fmt: skip


def _comparison(comparison: Comparison, names: tuple[str, str]) -> Value:
    told = {"total": comparison.total, "share": comparison.share, "same": comparison.same}
    return {**told, names[0]: _differences(comparison.missing), names[1]: _differences(comparison.extra)}


def _differences(differences: Iterable[Difference]) -> list[Value]:
    return [{**_decision(each.decision), "why": each.why} for each in differences]
