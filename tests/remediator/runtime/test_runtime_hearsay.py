"""What words make of received alerts: begun, repeated, over, revived; written only where a crash could lose it."""

from datetime import timedelta
from typing import Any

import pytest

from remediator.model.alert import AlertState
from remediator.model.received import AlertWord, ReceivedAlert, Sender, Teller
from remediator.runtime.alerts import hearsay
from tests.remediator.builders import NOON

MINUTE = timedelta(minutes=1)
PROM = Sender("prometheus.token", frozenset({"host_dead"}))
GUEST = Sender("guest.token")
LABELS = {"alertname": "HostDead", "host": "h1", "playbook": "host_dead"}


def word(**more: Any) -> AlertWord:
    """A firing word as Prometheus says it at noon."""
    held: dict[str, Any] = {"teller": Teller.EVALUATOR, "starts_at": NOON, "ends_at": NOON + 4 * MINUTE}
    return AlertWord("f1", more.pop("labels", LABELS), **(held | more))


def standing(now: Any = NOON, **more: Any) -> ReceivedAlert:
    return hearsay.heard(None, word(**more), PROM, now)


def test_a_first_word_makes_an_alert() -> None:
    alert = standing()
    assert (alert.starts_at, alert.ends_at, alert.resolved_at) == (NOON, NOON + 4 * MINUTE, None)
    assert alert.key == f"{NOON.isoformat()}/f1"


def test_a_word_without_times_begins_now_and_holds_as_long_as_its_teller_needs() -> None:
    evaluated = hearsay.heard(None, word(starts_at=None, ends_at=None), PROM, NOON)
    assert (evaluated.starts_at, evaluated.ends_at) == (NOON, NOON + hearsay.UNTOLD_END)
    sent = hearsay.heard(None, word(ends_at=None, teller=Teller.ALERTMANAGER), PROM, NOON)
    assert sent.ends_at == NOON + hearsay.STANDS


def test_a_repetition_moves_the_end_and_keeps_the_beginning() -> None:
    later = NOON + MINUTE
    again = word(starts_at=NOON + timedelta(seconds=3), ends_at=later + 4 * MINUTE, annotations={"summary": "new"})
    alert = hearsay.heard(standing(), again, PROM, later)
    assert (alert.starts_at, alert.ends_at) == (NOON, later + 4 * MINUTE)
    assert alert.annotations == {"summary": "new"}


@pytest.mark.parametrize("over", [word(ends_at=NOON + MINUTE), word(ends_at=None, resolved=True)])
def test_it_ends_when_it_is_told_so(over: AlertWord) -> None:
    alert = hearsay.heard(standing(), over, PROM, NOON + MINUTE)
    assert alert.resolved_at == NOON + MINUTE
    assert hearsay.is_over(alert, NOON + MINUTE)
    # Prometheus says it again for a quarter of an hour.
    assert hearsay.heard(alert, over, PROM, NOON + 2 * MINUTE) is alert


def test_an_end_of_an_earlier_time_ends_nothing() -> None:
    alert = standing(starts_at=NOON + 10 * MINUTE, ends_at=NOON + 14 * MINUTE)
    late = word(starts_at=NOON, ends_at=NOON + 5 * MINUTE)
    assert hearsay.heard(alert, late, PROM, NOON + 11 * MINUTE) is alert


def test_after_its_end_it_is_another_alert_if_it_began_later_and_the_same_if_not() -> None:
    over = hearsay.heard(standing(), word(ends_at=NOON + MINUTE), PROM, NOON + MINUTE)
    later = NOON + 10 * MINUTE
    another = hearsay.heard(over, word(starts_at=later, ends_at=later + 4 * MINUTE), PROM, later)
    assert another.starts_at == later
    # Alertmanager gave it up for want of resends, and then they came: the same start again.
    revived = hearsay.heard(over, word(ends_at=later + 4 * MINUTE), PROM, later)
    assert (revived.starts_at, revived.resolved_at) == (NOON, None)
    assert hearsay.must_write(over, revived)


def test_only_what_a_crash_could_lose_is_written() -> None:
    written = standing()
    soon, late = NOON + timedelta(seconds=15), NOON + hearsay.REWRITE
    assert hearsay.must_write(None, written)
    assert not hearsay.must_write(written, hearsay.heard(written, word(ends_at=soon + 4 * MINUTE), PROM, soon))
    assert not hearsay.must_write(written, hearsay.heard(written, word(annotations={"summary": "4.1 %"}), PROM, soon))
    assert hearsay.must_write(written, hearsay.heard(written, word(ends_at=late + 4 * MINUTE), PROM, late))
    assert hearsay.must_write(written, hearsay.heard(written, word(ends_at=NOON + MINUTE), PROM, NOON + MINUTE))


def test_whenever_we_are_killed_what_lies_in_the_journal_fires_on_after_the_next_start() -> None:
    second = timedelta(seconds=1)
    written = alert = standing(ends_at=NOON + 4 * second)
    writes = 0
    for number in range(1, 3600):
        now = NOON + number * second
        alert = hearsay.heard(alert, word(ends_at=now + 4 * second), PROM, now)
        if hearsay.must_write(written, alert):
            written, writes = alert, writes + 1
        assert not hearsay.is_over(hearsay.spared(written, now), now)
    assert writes == 5


def test_it_may_ask_only_what_its_token_names_and_only_once() -> None:
    senders = {each.name: each for each in (PROM, GUEST)}
    assert hearsay.may_ask(standing(), senders)
    assert not hearsay.may_ask(hearsay.heard(None, word(), GUEST, NOON), senders)
    assert not hearsay.may_ask(standing(), {})
    assert not hearsay.may_ask(standing(labels={**LABELS, "playbook": "other"}), senders)
    assert not hearsay.may_ask(standing(annotations={"fleetmend_explain": "http://us/v1/explain/h1"}), senders)


def test_who_may_not_ask_can_neither_take_over_nor_end_what_was_asked() -> None:
    alert = standing()
    for told in (word(ends_at=NOON + 9 * MINUTE), word(resolved=True)):
        assert hearsay.heard(alert, told, GUEST, NOON + MINUTE, asking=True) is alert
    # And who may takes over what stands by one who may not.
    guest = hearsay.heard(None, word(), GUEST, NOON)
    assert hearsay.heard(guest, word(), PROM, NOON).sender == PROM.name


def test_as_it_is_shown() -> None:
    alert = hearsay.shown(standing(), NOON, asks=True)
    assert (alert.state, alert.actionable, alert.source) == (AlertState.FIRING, True, "evaluator")
    over = hearsay.shown(standing(), NOON + 5 * MINUTE, asks=True)
    assert (over.state, over.actionable, over.resolved_at) == (AlertState.RESOLVED, False, NOON + 4 * MINUTE)
    silent = hearsay.shown(standing(), NOON, asks=False)
    assert not silent.actionable
    assert "may not ask for playbook host_dead" in silent.annotations["fleetmend_intake"]


def test_after_a_start_who_tells_each_minute_is_given_time_to() -> None:
    late = NOON + 20 * MINUTE
    assert hearsay.spared(standing(), late).ends_at == late + hearsay.GRACE
    over = hearsay.heard(standing(), word(resolved=True), PROM, NOON)
    assert hearsay.spared(over, late) is over
    assert hearsay.spared(standing(), NOON + timedelta(hours=2)).ends_at == NOON + 4 * MINUTE
