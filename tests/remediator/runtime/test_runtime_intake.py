"""Alerts from outside: durable when answered, deduplicated, one commit for many, expired, forgotten, remembered."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from remediator.clock import FakeClock
from remediator.engine.machines.refusals import Refused
from remediator.journal.memory import MemoryJournal
from remediator.journal.protocol import Entry, Row
from remediator.model.alert import AlertState
from remediator.model.errors import TransientError
from remediator.model.received import AlertWord, ReceivedAlert, Sender, Teller
from remediator.runtime.alerts import intake as intake_module
from remediator.runtime.alerts.intake import Intake, joined
from remediator.runtime.alerts.senders import Senders
from remediator.runtime.ledger import Ledger
from remediator.settings import IntakeSettings
from remediator.sources.fingerprint import fingerprint
from tests.remediator.builders import NOON, alert

MINUTE = timedelta(minutes=1)


class CountingJournal(MemoryJournal):
    """Counts commits and rows; fails while told to."""

    def __init__(self) -> None:
        super().__init__()
        self.counted: list[int] = []
        self.broken = False

    def commit(self, rows: Sequence[Row], entries: Sequence[Entry]) -> None:
        if self.broken:
            raise TransientError("journal: disk is full")
        super().commit(rows, entries)
        self.counted.append(len(rows))


class Site:
    """An intake over a journal that counts, with one token for host_dead and one for nothing."""

    def __init__(self, folder: Path, journal: CountingJournal | None = None, clock: FakeClock | None = None) -> None:
        for name in ("prom.token", "guest.token"):
            (folder / name).write_text(f"secret of {name}\n")
        self.senders = Senders(
            [IntakeSettings(folder / "prom.token", ("host_dead",)), IntakeSettings(folder / "guest.token")]
        )
        self.journal = journal or CountingJournal()
        self.clock = clock or FakeClock(NOON)
        self.ledger = Ledger(self.journal)
        self.intake = Intake(self.ledger, self.clock, self.senders)

    @property
    def prom(self) -> Sender:
        return self.senders.by_name["prom.token"]

    def wait(self, span: timedelta) -> None:
        self.clock.set(self.clock.now() + span)

    def word(self, host: str = "h1", **more: Any) -> AlertWord:
        labels = {"alertname": "HostDead", "host": host, "playbook": "host_dead"}
        held = {"starts_at": NOON, "ends_at": self.clock.now() + 4 * MINUTE}
        return AlertWord(fingerprint(labels), labels, Teller.EVALUATOR, **(held | more))

    async def take(self, *words: AlertWord) -> Any:
        return await self.intake.take(words, self.prom)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


async def test_an_alert_is_durable_when_it_is_answered_and_asks(site: Site) -> None:
    taken = await site.take(site.word())
    assert (taken.heard, taken.fresh, taken.silenced) == (1, 1, ())
    assert site.journal.counted == [1]
    (shown,) = site.intake.alerts()
    assert (shown.state, shown.actionable, shown.playbook) == (AlertState.FIRING, True, "host_dead")


async def test_repetitions_write_nothing_but_now_and_then(site: Site) -> None:
    await site.take(site.word())
    for _ in range(9):
        site.wait(MINUTE)
        assert (await site.take(site.word())).fresh == 0
    assert site.journal.counted == [1]
    site.wait(MINUTE)
    await site.take(site.word())
    assert site.journal.counted == [1, 1]
    assert site.intake.counts["repeated"] == 10


async def test_many_requests_share_a_commit(site: Site) -> None:
    await asyncio.gather(*(site.take(site.word(f"h{n}"), site.word(f"g{n}")) for n in range(50)))
    assert len(site.intake.alerts()) == 100
    assert len(site.journal.counted) <= 3
    assert sum(site.journal.counted) == 100


async def test_a_flood_leaves_the_ledger_to_others_between_commits(site: Site) -> None:
    await site.take(*(site.word(f"h{n}") for n in range(2 * intake_module.ROWS_A_COMMIT + 1)))
    assert site.journal.counted == [intake_module.ROWS_A_COMMIT, intake_module.ROWS_A_COMMIT, 1]


async def test_the_same_alert_twice_in_one_request_is_one(site: Site) -> None:
    taken = await site.take(site.word(), site.word())
    assert (taken.heard, taken.fresh) == (2, 1)
    assert len(site.ledger.all(ReceivedAlert)) == 1


async def test_a_journal_that_fails_is_an_error_and_nothing_is_shown(site: Site) -> None:
    site.journal.broken = True
    with pytest.raises(TransientError):
        await site.take(site.word())
    assert site.intake.alerts() == ()
    site.journal.broken = False
    assert (await site.take(site.word())).fresh == 1


async def test_without_another_word_it_is_over_and_in_time_forgotten(site: Site) -> None:
    await site.take(site.word())
    site.wait(5 * MINUTE)
    await site.intake.look()
    (shown,) = site.intake.alerts()
    assert (shown.state, shown.resolved_at) == (AlertState.RESOLVED, NOON + 4 * MINUTE)
    assert site.intake.counts["expired"] == 1
    site.wait(timedelta(hours=2))
    await site.intake.look()
    assert site.intake.alerts() == ()
    assert not site.ledger.all(ReceivedAlert)


async def test_a_restart_remembers_what_fires_and_what_is_over(tmp_path: Path, site: Site) -> None:
    await site.take(site.word("h1"), site.word("h2"))
    await site.take(site.word("h2", ends_at=NOON))
    site.wait(10 * MINUTE)
    again = Site(tmp_path, site.journal, site.clock)
    states = {each.labels["host"]: (each.state, each.actionable) for each in again.intake.alerts()}
    assert states == {"h1": (AlertState.FIRING, True), "h2": (AlertState.RESOLVED, False)}
    # Nobody tells it again: it was given its time.
    again.wait(2 * MINUTE)
    await again.intake.look()
    assert all(each.state is AlertState.RESOLVED for each in again.intake.alerts())
    # And stays over.
    third = Site(tmp_path, site.journal, site.clock)
    assert all(each.state is AlertState.RESOLVED for each in third.intake.alerts())


async def test_a_token_that_may_not_ask_is_told_so(site: Site) -> None:
    guest = site.senders.by_name["guest.token"]
    taken = await site.intake.take([site.word()], guest)
    assert taken.silenced == (("HostDead", "host_dead"),)
    (shown,) = site.intake.alerts()
    assert not shown.actionable


async def test_more_than_the_most_is_refused_and_what_is_known_goes_on(site: Site) -> None:
    many = [site.word(f"h{n}") for n in range(3)]
    small = Intake(site.ledger, site.clock, site.senders, most=3)
    await small.take(many, site.prom)
    with pytest.raises(Refused):
        await small.take([site.word("h9")], site.prom)
    assert (await small.take(many, site.prom)).heard == 3


def test_tokens_are_read_again_when_their_file_changes(tmp_path: Path, site: Site) -> None:
    assert site.intake.sender_for("secret of prom.token") == site.prom
    for wrong in ("", "secret", "secret of prom.token ", "\udcff"):
        assert site.intake.sender_for(wrong) is None
    (tmp_path / "prom.token").write_text("another, longer")
    assert site.intake.sender_for("secret of prom.token") is None
    assert site.intake.sender_for("another, longer") == site.prom
    (tmp_path / "prom.token").unlink()
    assert site.intake.sender_for("another, longer") is None
    (tmp_path / "prom.token").write_text("")
    assert site.intake.sender_for("") is None


async def test_what_our_own_rules_see_too_is_there_once(site: Site) -> None:
    await site.take(site.word("h1"), site.word("h2"))
    received = site.intake.alerts()
    own = (replace(alert("h1", state=AlertState.PENDING), fingerprint=received[0].fingerprint),)
    assert [each.labels["host"] for each in joined(own, received)] == ["h1", "h2"]
    over = (replace(own[0], state=AlertState.RESOLVED),)
    assert len(joined(over, received)) == 3


async def test_a_storm_may_not_ask_all_at_once(site: Site) -> None:
    await site.take(*(site.word(f"h{n}") for n in range(intake_module.MOST_ASKING + 2)))
    shown = site.intake.alerts()
    assert [alert.actionable for alert in shown[-3:]] == [True, False, False]
    assert "500 others ask already" in shown[-1].annotations["fleetmend_intake"]
    # One that is over makes room.
    await site.take(site.word("h0", ends_at=NOON))
    assert [alert.actionable for alert in site.intake.alerts()[-3:]] == [True, True, False]
