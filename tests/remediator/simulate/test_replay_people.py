"""People's words in a replay: what they held then is held again, for as long."""

from datetime import timedelta
from pathlib import Path

from remediator.journal.reading import reading
from remediator.journal.sqlite import SqliteJournal
from remediator.model.people import OperatorHold, Release, Scope
from remediator.runtime.ledger import Ledger
from remediator.simulate.replay_journal import past_of
from remediator.simulate.replay_past import Befell, Stretch
from tests.remediator.builders import NOON, SECOND, host
from tests.remediator.simulate.site import host_dead, lost, past, replayed

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
