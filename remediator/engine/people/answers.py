"""Answers to questions: which one is meant, and whether it can still be answered. PURE."""

from dataclasses import replace

from remediator.engine.machines.refusals import precondition
from remediator.engine.people.spoken import Change, Ground, moment, told_by, unknown
from remediator.model.people import Answer, Approval
from remediator.model.said import Approve, Deny, Said

# What people may say from where; all other edges are the engine's.
EDGES: dict[Answer, frozenset[Answer]] = {
    Answer.APPROVED: frozenset({Answer.ASKED}),
    Answer.DENIED: frozenset({Answer.ASKED, Answer.APPROVED}),
}


def approved(word: Approve, said: Said, ground: Ground) -> Change:
    return _answered(question_of(word.question, ground), Answer.APPROVED, said, ground)


def denied(word: Deny, said: Said, ground: Ground) -> Change:
    return _answered(question_of(word.question, ground), Answer.DENIED, said, ground)


def _answered(asked: Approval, answer: Answer, said: Said, ground: Ground) -> Change:
    if asked.answer is answer:
        return Change(asked.key, f"{asked.key} is {answer} already, by {asked.by}")
    if asked.answer not in EDGES[answer]:
        raise precondition(_over(asked))
    if asked.answer is Answer.ASKED and asked.expires_at <= ground.now:
        raise precondition(f"{asked.key} expired at {moment(asked.expires_at)}; then: {asked.then}")
    said_so = replace(asked, answer=answer, answered_at=ground.now, by=said.by, why=said.why)
    return Change(asked.key, f"{asked.key} is {answer}{told_by(said)}", (said_so,))


def _over(asked: Approval) -> str:
    match asked.answer:
        case Answer.VOID:
            return f"{asked.key} is void: the evidence behind it has changed; if it is still wanted, it is asked anew"
        case Answer.EXPIRED:
            return f"{asked.key} expired at {moment(asked.expires_at)}; then: {asked.then}"
        case Answer.USED:
            return f"{asked.key} was acted on already, approved by {asked.by}"
        case _:
            return f"{asked.key} was {asked.answer} by {asked.by}"


def question_of(name: str, ground: Ground) -> Approval:
    """By id or key; by playbook/target or target alone where only one question of that is open.

    Raises:
        Refused: none is meant, or more than one.
    """
    every = ground.fleet.approvals.values()
    known = next((each for each in every if name in (each.id, each.key)), None)
    if known:
        return known
    mine = [each for each in every if name in (each.target, f"{each.playbook}/{each.target}")]
    # What is still open is meant; without any, the newest tells why it cannot be answered any more.
    meant = [each for each in mine if each.answer is Answer.ASKED] or sorted(mine, key=lambda x: x.asked_at)[-1:]
    if len(meant) > 1:
        keys = ", ".join(sorted(each.key for each in meant))
        raise precondition(f"{len(meant)} questions are about {name}, say which: {keys}")
    if not meant:
        names = {part for each in every for part in (each.id, each.key, each.target)}
        raise unknown("question", name, names)
    return meant[0]
