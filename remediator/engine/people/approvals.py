"""Questions to people: one a step of a playbook on a target, about one verdict, with an end and what follows. PURE.

Before each act all guards and the evidence are asked again: an answer only lets pass what asked for it.
"""

import hashlib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from remediator.actions.effects import Effect
from remediator.actions.spec import Case
from remediator.engine.guards.guard import Facts
from remediator.model.decision import Decision, DecisionOutcome, Hold
from remediator.model.evidence import VerdictKind
from remediator.model.fleet import Fleet
from remediator.model.host import Fence
from remediator.model.people import Answer, Approval
from remediator.model.policy import Asking, Playbook, Then

# What says nothing yet takes nothing back; a life lived since is told by the epoch.
_NO_STATEMENT = frozenset({VerdictKind.SUSPECT.value, VerdictKind.NO_EVIDENCE.value, ""})
_NEEDLESS: dict[str, Any] = {"answer": Answer.VOID, "why": "what it was about needs no answer any more"}
_STANDS = frozenset({Answer.ASKED, Answer.APPROVED, Answer.DENIED, Answer.EXPIRED})


@dataclass(frozen=True, slots=True)
class Asked:
    """What a question comes to now: ``hold`` as told, ``facts`` from which it follows, ``row`` where it changed."""

    hold: Hold
    facts: Facts
    row: Approval | None = None


def verdict_of(playbook: Playbook, target: str, fleet: Fleet) -> str:
    """The evidence that an answer is about: the direct verdict, or the alerts that ask."""
    if playbook.evidence.verdict:
        verdict = fleet.verdicts.get(target)
        return verdict.kind.value if verdict else ""
    mine = [a for a in fleet.alerts if a.actionable and a.playbook == playbook.name]
    return ",".join(sorted({a.name for a in mine if a.labels.get(playbook.target) == target}))


def standing(case: Case, action: str) -> Approval | None:
    """The question of this very case, unless it is used up, void, or about what was before."""
    row = case.fleet.approvals.get(f"{case.playbook.name}/{case.target}/{action}")
    if row is None or row.answer not in _STANDS or _changed(row, case.playbook, case.fleet):
        return None
    return None if _outlived(case, row) else row


def _outlived(case: Case, row: Approval) -> bool:
    """An answer counts for as long as its question stood; whoever was paged is asked anew after the cooldown."""
    if row.answer is Answer.APPROVED and row.answered_at:
        return case.now - row.answered_at > row.expires_at - row.asked_at
    paged = row.answer is Answer.EXPIRED and row.then == Then.HOLD_AND_PAGE
    return paged and case.now - row.expires_at >= case.playbook.cooldown


def approved(case: Case, action: str) -> frozenset[str]:
    """Reasons that a person let pass for this step."""
    row = standing(case, action)
    return _reasons(row) if row and _lets_pass(case, row) else frozenset()


def covered(case: Case, action: str, effects: tuple[Effect, ...]) -> tuple[Effect, ...]:
    """Of those effects, the ones that the question named."""
    row = standing(case, action)
    return tuple(effect for effect in effects if row and effect.key in row.effects)


def ask(case: Case, action: str, hold: Hold, effects: tuple[str, ...] = ()) -> Asked:
    """Put the question, or follow the one that stands: it waits, was denied, or nobody answered."""
    row = standing(case, action)
    if row is None or hold.reason not in _reasons(row) or row.answer is Answer.APPROVED:
        before = _reasons(row) if row and _lets_pass(case, row) else frozenset()
        row = fresh = _question(case, action, hold, effects, before)
    else:
        fresh = None
    late = row.answer is Answer.EXPIRED or (row.answer is Answer.ASKED and case.now >= row.expires_at)
    facts: Facts = {"answer": row.answer.value, "late": late, "then": row.then}
    changed = replace(row, answer=Answer.EXPIRED) if late else _reminded(row, case)
    told = replace(came_to(facts, hold), text=_words(facts, row, hold))
    return Asked(told, facts, (changed if changed != row else None) or fresh)


def came_to(facts: Facts, hold: Hold) -> Hold:
    """The hold that remains of a question: the next rung is due, people were paged, or it still waits."""
    if facts["answer"] == Answer.DENIED.value:
        return replace(hold, reason="Denied", asks=False)
    if not facts["late"]:
        return hold
    return replace(hold, reason="NextRung" if facts["then"] == Then.NEXT_RUNG else "QuestionExpired", asks=False)


def voided(fleet: Fleet, playbooks: dict[str, Playbook], asked: Collection[tuple[str, str]]) -> Iterator[Approval]:
    """Questions whose verdict has changed, and those that nobody asks any more."""
    for row in fleet.approvals.values():
        playbook = playbooks.get(row.playbook)
        if row.answer not in _STANDS:
            continue
        if playbook is None or (row.playbook, row.target) not in asked:
            yield replace(row, answer=Answer.VOID, why=row.why or "what it was about is over")
        elif _changed(row, playbook, fleet):
            now = verdict_of(playbook, row.target, fleet)
            yield replace(row, answer=Answer.VOID, why=f"the verdict changed from {row.verdict} to {now}")


def used(case: Case, action: str) -> Approval | None:
    """The answer to a step that is complete; a question about one that needs no answer any more is void."""
    row = standing(case, action)
    if row is None or row.answer is Answer.DENIED:
        return None
    return replace(row, answer=Answer.USED) if row.answer is Answer.APPROVED else replace(row, **_NEEDLESS)


def needless(fleet: Fleet, decisions: Iterable[Decision]) -> Iterator[Approval]:
    """Questions about steps that act now without an answer: what held them is over."""
    acting: set[str] = set()
    asking: set[str] = set()
    for each in decisions:
        key = f"{each.playbook}/{each.target}/{each.action}"
        (acting if each.outcome is DecisionOutcome.ACT else asking).add(key)
    for key in acting - asking:
        row = fleet.approvals.get(key)
        if row is not None and row.answer in (Answer.ASKED, Answer.EXPIRED) and not _proceeds(fleet, row):
            yield replace(row, **_NEEDLESS)


def _proceeds(fleet: Fleet, row: Approval) -> bool:
    """It acts because nobody answered: what it was asked about goes on under it."""
    host = fleet.hosts.get(row.target)
    return row.then == Then.PROCEED_IF_PROVED and host is not None and host.fence is Fence.PROVED


def _changed(row: Approval, playbook: Playbook, fleet: Fleet) -> bool:
    host = fleet.hosts.get(row.target) if playbook.target == "host" else None
    if host is not None and row.facts.get("epoch", 0) != host.epoch:
        return True
    now = verdict_of(playbook, row.target, fleet)
    # While the store is out, alerts say nothing.
    return now != row.verdict and now not in _NO_STATEMENT


def _reasons(row: Approval) -> frozenset[str]:
    return frozenset(row.facts.get("reasons", ()))


def _lets_pass(case: Case, row: Approval) -> bool:
    if row.answer is Answer.APPROVED:
        return True
    proved = case.host is not None and case.host.fence is Fence.PROVED
    return row.answer is Answer.EXPIRED and row.then == Then.PROCEED_IF_PROVED and proved


def _question(case: Case, action: str, hold: Hold, effects: tuple[str, ...], before: frozenset[str]) -> Approval:
    ask_for = case.playbook.ask or Asking()
    facts = {"epoch": case.epoch, "reasons": sorted(before | {hold.reason})}
    seed = f"{case.playbook.name}/{case.target}/{action}/{hold.reason}/{case.now.isoformat()}"
    return Approval(
        id=hashlib.blake2b(seed.encode(), digest_size=6).hexdigest(),
        playbook=case.playbook.name,
        target=case.target,
        action=action,
        asked_at=case.now,
        expires_at=case.now + ask_for.expires,
        then=ask_for.then,
        text=hold.text,
        verdict=verdict_of(case.playbook, case.target, case.fleet),
        effects=effects,
        facts=facts,
    )


_AFTERWARDS = {
    Then.NEXT_RUNG: "the next rung is due",
    Then.HOLD_AND_PAGE: "held, and people are paged",
    Then.PROCEED_IF_PROVED: "it goes on once power-off is proved",
}


def _words(facts: Facts, row: Approval, hold: Hold) -> str:
    if row.answer is Answer.DENIED:
        return f"{row.by} said no: {row.why}"
    if not facts["late"]:
        return f"{hold.text}; a person is asked until {row.expires_at:%H:%M:%S}Z"
    told = f"nobody answered from {row.asked_at:%H:%M:%S}Z to {row.expires_at:%H:%M:%S}Z"
    return f"{hold.text}; {told}: {_AFTERWARDS[Then(row.then)]}"


def _reminded(row: Approval, case: Case) -> Approval | None:
    reminders = case.playbook.ask.remind if case.playbook.ask else ()
    due = sum(1 for after in reminders if case.now - row.asked_at >= after)
    return replace(row, reminded=due) if due > row.reminded else None
