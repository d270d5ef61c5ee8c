"""Questions to people: put once, answered for what they named, void when the verdict changed, over in the end."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from remediator.actions.effects import Condemn
from remediator.engine.decide import Verdicts, decide
from remediator.engine.people import approvals
from remediator.model.decision import DecisionOutcome, Hold
from remediator.model.evidence import VerdictKind
from remediator.model.fleet import Fleet
from remediator.model.machine import MachineState, Recovery
from remediator.model.people import Answer, Approval
from remediator.model.policy import Asking, Mode, Playbook, Then
from tests.remediator.builders import (
    ACTIONS,
    CLOSED,
    NOON,
    SECOND,
    case,
    dead,
    fleet,
    host,
    machine,
    playbook,
    policy,
    proved,
    verdict,
)

MINUTE = timedelta(minutes=1)
ASK = Asking(30 * MINUTE, Then.HOLD_AND_PAGE, (5 * MINUTE, 15 * MINUTE))
BOOK = replace(playbook(), mode=Mode.APPROVE, ask=ASK)
LOST = (dead(), host("h2", "r2"), host("h3", "r3"), machine("m1"))
NEEDED = Hold("NeedsApproval", "mode is approve", asks=True)


def row(answer: Answer = Answer.ASKED, **more: object) -> Approval:
    asked = approvals.ask(case(fleet(dead(), verdict()), book=BOOK), "recreate", NEEDED, ("recreate:m1:I-m1:1",)).row
    assert asked is not None
    at = NOON if answer is Answer.APPROVED else None
    return replace(asked, answer=answer, answered_at=at, by="anna", why="y", **more)  # type: ignore[arg-type]


def told(known: Fleet, *rows: Approval, now: datetime = NOON, book: Playbook = BOOK) -> Verdicts:
    fresh = verdict(newest=now)
    asked = replace(known, approvals={each.key: each for each in rows}, verdicts={"h1": fresh} | dict(known.verdicts))
    return decide(policy(book), ACTIONS, "host_dead", asked, now)


def word(found: Verdicts, action: str = "recreate") -> tuple[str, str]:
    return next((d.outcome.value, d.reason) for d, _ in found.decisions if d.action == action)


def written(found: Verdicts, action: str = "recreate") -> list[Answer]:
    return [each.answer for each in found.approvals if each.action == action]


def test_a_question_names_target_evidence_effects_and_its_end() -> None:
    (asked,) = [each for each in told(fleet(*LOST)).approvals if each.action == "recreate"]
    assert (asked.key, asked.verdict, asked.effects) == ("host_dead/h1/recreate", "dead", ("recreate:m1:I-m1:1",))
    assert (asked.expires_at, asked.then) == (NOON + 30 * MINUTE, "hold_and_page")
    assert asked.facts == {"epoch": 1, "reasons": ["NeedsApproval"]}
    again = told(fleet(*LOST), asked)
    assert written(again) == [], "it stands, and is not put again"
    assert word(again) == ("ask", "NeedsApproval")


def test_it_is_reminded_of_at_its_times() -> None:
    found = told(fleet(*LOST), row(), now=NOON + 5 * MINUTE)
    assert [each.reminded for each in found.approvals if each.action == "recreate"] == [1]
    found = told(fleet(*LOST), row(reminded=1), now=NOON + 6 * MINUTE)
    assert written(found) == []


def test_approved_it_runs_with_all_guards_asked_again() -> None:
    assert word(told(fleet(*LOST), row(Answer.APPROVED))) == ("act", "Acting")
    stopped = replace(fleet(*LOST), frozen="a drill")
    assert word(told(stopped, row(Answer.APPROVED)), "mark_host_dead") == ("hold", "Frozen")
    # What the answer was not about asks anew.
    shut = told(replace(fleet(*LOST), gate=CLOSED), row(Answer.APPROVED))
    assert word(shut) == ("ask", "GateClosed")
    (both,) = [each for each in shut.approvals if each.action == "recreate"]
    assert both.facts["reasons"] == ["GateClosed", "NeedsApproval"], "with that, all that was answered stands"


@pytest.mark.parametrize(
    "change",
    [
        {"verdicts": {"h1": verdict(kind=VerdictKind.PARTITIONED)}},
        {"hosts": {"h1": dead(epoch=2)}},
        {"hosts": {"h1": host()}},
    ],
)
@pytest.mark.parametrize("answer", [Answer.ASKED, Answer.APPROVED, Answer.DENIED, Answer.EXPIRED])
def test_a_changed_verdict_another_life_or_an_end_voids_it(change: dict[str, object], answer: Answer) -> None:
    known = replace(fleet(*LOST), **change)  # type: ignore[arg-type]
    found = told(known, row(answer))
    assert not any(d.outcome is DecisionOutcome.ACT for d, _ in found.decisions)
    assert written(found)[0] is Answer.VOID


def test_what_says_nothing_yet_takes_nothing_back() -> None:
    known = replace(fleet(*LOST), verdicts={"h1": verdict(kind=VerdictKind.SUSPECT)})
    assert written(told(known, row(Answer.APPROVED))) == []


def test_an_answer_counts_for_as_long_as_its_question_stood() -> None:
    late = told(fleet(*LOST), row(Answer.APPROVED), now=NOON + 31 * MINUTE)
    assert (word(late), written(late)) == (("ask", "NeedsApproval"), [Answer.ASKED])


@pytest.mark.parametrize(("minutes", "word_of_it"), [(39, "QuestionExpired"), (40, "NeedsApproval")])
def test_whoever_was_paged_is_asked_anew_after_the_cooldown(minutes: int, word_of_it: str) -> None:
    """Else nobody could say yes any more to a host that stays dead."""
    found = told(fleet(*LOST), row(Answer.EXPIRED), now=NOON + minutes * MINUTE)
    assert word(found)[1] == word_of_it


@pytest.mark.parametrize(
    ("then", "lost", "ends"),
    [
        (Then.HOLD_AND_PAGE, dead(), ("hold", "QuestionExpired")),
        (Then.NEXT_RUNG, dead(), ("hold", "NextRung")),
        (Then.PROCEED_IF_PROVED, dead(), ("hold", "QuestionExpired")),
        (Then.PROCEED_IF_PROVED, proved(dead()), ("act", "Acting")),
    ],
)
def test_what_follows_when_nobody_answers(then: Then, lost: object, ends: tuple[str, str]) -> None:
    book = replace(BOOK, ask=replace(ASK, then=then), mode=Mode.AUTO)
    known = replace(fleet(lost, *LOST[1:]), gate=CLOSED, alerts=())
    shut = replace(row(), then=then.value, facts={"epoch": 1, "reasons": ["GateClosed"]})
    asked = told(known, shut, now=NOON + 31 * MINUTE, book=book)
    if then is Then.PROCEED_IF_PROVED and ends[0] == "act":
        # Proof is the second witness: nothing is asked any more.
        assert word(asked) == ends
        return
    assert word(asked) == ends
    assert written(asked)[0] is Answer.EXPIRED


def test_next_rung_goes_on_with_the_steps_above() -> None:
    book = replace(BOOK, mode=Mode.AUTO, ask=replace(ASK, then=Then.NEXT_RUNG))
    replaced = machine("m9", recovery=Recovery.SERVING, replaced_by="m10")
    known = replace(fleet(*LOST, replaced, machine("m10", on="h2")), gate=CLOSED)
    shut = replace(row(), then="next_rung", facts={"epoch": 1, "reasons": ["GateClosed"]})
    found = told(known, shut, now=NOON + 31 * MINUTE, book=book)
    assert word(found) == ("hold", "NextRung")
    assert word(found, "condemn") == ("ask", "SecondWitnessMissing")


def test_what_kills_is_done_to_whom_the_question_named_and_to_nobody_else() -> None:
    """Another machine that was replaced since is asked about anew."""
    gone = [machine(name, recovery=Recovery.SERVING, replaced_by=f"{name}x") for name in ("m1", "m2")]
    heirs = [machine(f"{name}x", on="h2") for name in ("m1", "m2")]
    known = replace(fleet(proved(dead()), host("h2", "r2"), *gone, *heirs))
    asked = replace(row(Answer.APPROVED), action="condemn", effects=("condemn:m1",))
    found = told(known, asked)
    assert [effect for _, effects in found.decisions for effect in effects if isinstance(effect, Condemn)] == [
        Condemn("m1", "replaced; power-off proved by bmc")
    ]
    doomed = {**known.machines, "m1": replace(gone[0], state=MachineState.DESTROYING)}
    later = told(replace(known, machines=doomed), asked)
    assert word(later, "condemn") == ("ask", "NeedsApproval")


def test_a_complete_step_uses_its_answer_up() -> None:
    done = machine("m1", recovery=Recovery.SERVING, replaced_by="m2")
    found = told(fleet(dead(), host("h2", "r2"), done, machine("m2", on="h2")), row(Answer.APPROVED))
    assert written(found) == [Answer.USED]


def test_a_question_about_what_acts_now_without_an_answer_is_void() -> None:
    """The gate has opened again, say: nobody is to answer what is done."""
    shut = replace(row(), facts={"epoch": 1, "reasons": ["GateClosed"]})
    found = told(fleet(*LOST), shut, book=replace(BOOK, mode=Mode.AUTO))
    assert (word(found), written(found)) == (("act", "Acting"), [Answer.VOID])
    done = machine("m1", recovery=Recovery.SERVING, replaced_by="m2")
    complete = told(fleet(dead(), host("h2", "r2"), done, machine("m2", on="h2")), row())
    assert written(complete) == [Answer.VOID]


def test_denied_it_is_held_with_the_words_of_who_did() -> None:
    found = told(fleet(*LOST), row(Answer.DENIED))
    (hold,) = [d for d, _ in found.decisions if d.action == "recreate"]
    assert (hold.reason, hold.text) == ("Denied", "anna said no: y")


def test_nobody_is_asked_in_shadow() -> None:
    assert told(fleet(*LOST), book=replace(BOOK, mode=Mode.SHADOW)).approvals == ()


def test_the_moments_before_it_are_not_reminders() -> None:
    assert written(told(fleet(*LOST), row(), now=NOON + 299 * SECOND)) == []
