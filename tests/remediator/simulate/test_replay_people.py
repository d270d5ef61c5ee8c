"""People's words in a replay: what they held then is held again, for as long."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from remediator.actions import ACTIONS
from remediator.commands.replay_run import HOUSE
from remediator.engine.evidence.lives import LifeTimes
from remediator.journal.reading import reading
from remediator.journal.sqlite import SqliteJournal
from remediator.model.people import Answer, Approval, OperatorHold, Release, Scope
from remediator.model.policy import Asking, Mode, Policy
from remediator.runtime.ledger import Ledger
from remediator.simulate.replay.house import Paces, Setting
from remediator.simulate.replay.journal import past_of
from remediator.simulate.replay.past import Befell, Stretch
from remediator.simulate.replay.replay import replay
from remediator.simulate.replay.world import World
from tests.remediator.builders import NOON, SECOND, host
from tests.remediator.simulate.site import host_dead, lost, past, policy, replayed

ASKING = policy(host_dead={"mode": Mode.APPROVE})
HELD = OperatorHold(Scope.HOST, "h1", "ada", "new psu", NOON, NOON + 120 * SECOND)
FREED = Release("rel1", ("h1",), "ada", "known", NOON + 20 * SECOND, NOON + timedelta(hours=1))


def test_a_held_host_is_not_acted_on_before_the_hold_ends_or_is_lifted() -> None:
    said = Befell(NOON, "said", HELD.key, ("OperatorHold", HELD))
    found = replayed(past(*lost("h1", 60, 200), said), [host_dead("h1", 61, 201)])
    assert 120 <= (found.acts[0].at - NOON).total_seconds() < 121
    lifted = Befell(NOON + 90 * SECOND, "said", HELD.key, ("OperatorHold", None))
    found = replayed(past(*lost("h1", 60, 200), said, lifted), [host_dead("h1", 61, 201)])
    assert 90 <= (found.acts[0].at - NOON).total_seconds() < 91


async def test_the_journal_tells_which_words_stood_and_which_were_said_later(tmp_path: Path) -> None:
    ledger = Ledger(SqliteJournal(tmp_path))
    async with ledger.writing() as draft:
        draft.at = NOON
        draft.put(host("h1"), HELD)
    async with ledger.writing() as draft:
        draft.at = NOON + 20 * SECOND
        draft.put(FREED)
        draft.delete(HELD)
    await ledger.close()
    with reading(tmp_path) as journal:
        told = past_of(journal, Stretch(NOON + 10 * SECOND, NOON + timedelta(hours=1)))
    assert told.rows["OperatorHold"] == {HELD.key: HELD}
    said = {each.subject: each.value for each in told.befell if each.kind == "said"}
    assert said == {"rel1": ("Release", FREED), HELD.key: ("OperatorHold", None)}


def answered(answer: Answer, at: float, *befell: Befell, asks: Policy = ASKING) -> Befell:
    """What the journal has of the same past under rules that ask: its question on recreating, as it was answered."""
    found = World(HOUSE, Setting(asks, ACTIONS, "host_dead", LifeTimes(), {}), past(*befell), Paces())
    replay(found, past(*befell), [], Stretch(NOON, NOON + at * SECOND), lambda _now: None)
    row = found.views["Approval"]["host_dead/h1/recreate"]
    said = replace(row, id="then", answer=answer, answered_at=NOON + at * SECOND, by="ada", why="seen it")
    return Befell(NOON + at * SECOND, "said", row.key, ("Approval", said))


def test_what_was_approved_then_is_approved_again_at_that_moment() -> None:
    dies = lost("h1", 60, 600)
    said = answered(Answer.APPROVED, 120, *dies)
    found = replayed(past(*dies, said), rules=ASKING)
    (done,) = [each for each in found.acts if each.action == "recreate"]
    assert 120 <= (done.at - NOON).total_seconds() < 121
    assert found.notes == []
    assert not [each for each in replayed(past(*dies), rules=ASKING).acts if each.action == "recreate"]


def test_what_was_denied_then_is_denied_again() -> None:
    dies = lost("h1", 60, 600)
    found = replayed(past(*dies, answered(Answer.DENIED, 120, *dies)), rules=ASKING)
    (hold,) = [each.decision for each in found.holds if each.decision.reason == "Denied"]
    assert (hold.action, hold.text) == ("recreate", "ada said no: seen it")


def test_an_answer_that_came_before_the_question_is_put_here_counts_while_its_own_stood() -> None:
    dies = lost("h1", 60, 600)
    said = answered(Answer.APPROVED, 120, *dies)
    slow = policy(host_dead={"mode": Mode.APPROVE, "settle": timedelta(seconds=200)})
    found = replayed(past(*dies, said), rules=slow)
    assert [each.action for each in found.acts][:1] == ["recreate"]
    assert found.notes == []
    short = policy(host_dead={"mode": Mode.APPROVE, "ask": Asking(expires=timedelta(seconds=70))})
    late = replayed(past(*dies, answered(Answer.APPROVED, 120, *dies, asks=short)), rules=slow)
    assert not [each for each in late.acts if each.action == "recreate"]
    assert late.notes[0].endswith("here it is asked when that answer counts no more")


def test_an_edit_that_asks_for_something_else_is_told_and_takes_no_answer() -> None:
    dies = lost("h1", 60, 600)
    said = answered(Answer.APPROVED, 120, *dies)
    assert replayed(past(*dies, said)).notes == [
        "ada approved host_dead/h1/recreate at 2026-08-01 12:02:00: here nobody asks that"
    ]
    # One machine less than the question named.
    gone = Befell(NOON + 30 * SECOND, "destroyed_by", "m1b", "owner")
    found = replayed(past(gone, *dies, said), rules=ASKING)
    assert not [each for each in found.acts if each.action == "recreate"]
    (note,) = found.notes
    assert "here another question is put (naming recreate:app-a/name-m1a:" in note
    assert "app-b/name-m1b" in note
    assert note.endswith("and it is not answered")


async def test_the_journal_tells_what_was_answered_and_when(tmp_path: Path) -> None:
    asked = Approval(
        "q1", "host_dead", "h1", "recreate", NOON, NOON + timedelta(minutes=30), "hold_and_page", "may we"
    )
    ledger = Ledger(SqliteJournal(tmp_path))
    async with ledger.writing() as draft:
        draft.put(host("h1"), asked)
    said = replace(asked, answer=Answer.APPROVED, answered_at=NOON + 20 * SECOND, by="ada")
    async with ledger.writing() as draft:
        draft.at = NOON + 20 * SECOND
        draft.put(said)
    await ledger.close()
    with reading(tmp_path) as journal:
        told = past_of(journal, Stretch(NOON + 10 * SECOND, NOON + timedelta(hours=1)))
    assert told.rows["Approval"] == {asked.key: asked}
    assert [each for each in told.befell if each.kind == "said"] == [
        Befell(NOON + 20 * SECOND, "said", asked.key, ("Approval", said))
    ]
