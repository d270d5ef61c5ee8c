"""What is written back, read again as a receiver reads it; and the queue that takes it to the store."""

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from remediator.model.alert import Group, OnError, OnNoData, Outcomes, Rule
from remediator.sources.evaluate import RuleState, Slot, advance
from remediator.sources.results import NoData, Result, Sample, StoreError, Vector
from remediator.sources.write_back import WriteBack
from remediator.sources.written import Block, Written
from tests.remediator.sources.written_back import Receiver, Told, read_samples, receiving
from tests.store_lab import free_port

pytestmark = pytest.mark.slow

NOON = datetime(2026, 8, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
RULE = Rule("g", "Sick", "x", hold_for=SECOND, labels={"severity": "page"})


class Story:
    """One rule, told one result a second, and what it writes."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.group = Group("g", "f", SECOND, (rule,))
        self.state = RuleState()
        self.written = Written()
        self.at = NOON - SECOND

    def tell(self, result: Result) -> list[Told]:
        self.at += SECOND
        self.state = advance(self.rule, self.group, self.state, result, Slot(self.at, gate_open=True))
        block = self.written.block(self.state, self.at)
        told = read_samples(block.body)
        assert len(told) == block.count
        assert {moment for _, _, moment in told} <= {int(self.at.timestamp() * 1000)}
        return sorted(told, key=lambda each: (each[0]["__name__"], each[0].get("alertstate", ""), str(each[1])))


def vector(*hosts: str, value: float = 1.0) -> Vector:
    return Vector(tuple(Sample({"host": host}, value, NOON) for host in hosts))


def brief(told: list[Told]) -> list[tuple[str, str, float | str]]:
    return [(labels["__name__"], labels.get("alertstate", ""), value) for labels, value, _ in told]


def test_an_alerts_life_as_the_store_has_it() -> None:
    story, since = Story(RULE), NOON.timestamp()
    first = story.tell(vector("h1"))
    assert first[0][0] == {
        "__name__": "ALERTS", "alertname": "Sick", "alertstate": "pending", "host": "h1", "severity": "page",
    }  # fmt: skip
    assert brief(first) == [("ALERTS", "pending", 1.0), ("ALERTS_FOR_STATE", "", since)]
    firing = [("ALERTS", "firing", 1.0), ("ALERTS_FOR_STATE", "", since)]
    assert brief(story.tell(vector("h1"))) == [firing[0], ("ALERTS", "pending", "stale"), firing[1]]
    assert brief(story.tell(vector("h1", value=3))) == firing
    assert story.tell(StoreError("no")) == []
    assert brief(story.tell(vector("h1"))) == firing
    assert brief(story.tell(NoData())) == [("ALERTS", "firing", "stale"), ("ALERTS_FOR_STATE", "", "stale")]
    assert story.tell(NoData()) == []


def test_recorded_series_carry_the_rules_name_and_labels_and_end_when_they_vanish() -> None:
    story = Story(Rule("g", "a:b", "y", recording=True, labels={"team": "t"}))
    (told,) = story.tell(vector("h1", value=2.5))
    assert told[:2] == ({"__name__": "a:b", "host": "h1", "team": "t"}, 2.5)
    assert [value for _, value, _ in story.tell(vector("h2", value=float("inf")))] == [float("inf"), "stale"]
    assert story.tell(StoreError("no")) == []
    assert [(labels["host"], value) for labels, value, _ in story.tell(NoData())] == [("h2", "stale")]


def test_the_same_labels_twice_record_nothing() -> None:
    story = Story(Rule("g", "a:b", "y", recording=True))
    assert story.tell(vector("h1", "h1")) == []
    assert "same labels" in story.state.error


def test_an_alert_about_the_rule_itself_is_written_and_the_others_are_left_alone() -> None:
    told = Story(Rule("g", "Sick", "x", outcomes=Outcomes(OnNoData.ALERT, OnError.ALERT)))
    told.tell(vector("h1"))
    first = told.tell(StoreError("no"))
    labels, value, _ = first[0]
    assert (labels["__name__"], labels["outcome"], value) == ("ALERTS", "error", 1.0)
    after = told.tell(vector("h1"))
    assert sorted((labels.get("outcome", ""), str(value)) for labels, value, _ in after) == [
        ("", "1.0"), ("", str(NOON.timestamp())), ("error", "stale"), ("error", "stale"),
    ]  # fmt: skip


def test_labels_in_other_alphabets_and_long_ones() -> None:
    story = Story(RULE)
    told = story.tell(Vector([Sample({"host": "häst" * 100}, 1, NOON)]))
    assert told[0][0]["host"] == "häst" * 100


def block(count: int = 1) -> Block:
    story = Story(Rule("g", "a:b", "y", recording=True))
    story.tell(vector(*(f"h{n}" for n in range(count))))
    return Written().block(story.state, NOON)


def test_samples_arrive_and_are_counted() -> None:
    receiver = Receiver()
    with receiving(receiver) as url:
        subject = WriteBack(url)
        subject.put(block(3))
        assert subject.settle(5)
        subject.close()
    assert (subject.written, subject.dropped, subject.failures, len(receiver.taken)) == (3, 0, 0, 3)


def test_a_failing_store_is_asked_again_and_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    receiver = Receiver(503, 429, 204)
    with caplog.at_level(logging.INFO, "fleetmend.write_back"), receiving(receiver) as url:
        subject = WriteBack(url)
        subject.put(block())
        wait_until(lambda: subject.written == 1)
        subject.close()
    assert (receiver.asked, subject.failures, subject.dropped) == (3, 2, 0)
    said = [record.getMessage() for record in caplog.records]
    assert [("HTTP 503" in text, "again" in text) for text in said] == [(True, False), (False, True)]


def test_what_is_refused_is_dropped_and_not_sent_again() -> None:
    receiver = Receiver(400, 204)
    with receiving(receiver) as url:
        subject = WriteBack(url)
        subject.put(block(2))
        wait_until(lambda: subject.dropped == 2)
        assert subject.refused
        subject.put(block(1))
        wait_until(lambda: subject.written == 1)
        assert not subject.refused
        subject.close()
    assert receiver.asked == 2


def test_a_store_that_takes_no_writes_is_named_once_and_not_asked_at_each_slot(
    caplog: pytest.LogCaptureFixture,
) -> None:
    receiver = Receiver(404)
    with caplog.at_level(logging.INFO, "fleetmend.write_back"), receiving(receiver) as url:
        subject = WriteBack(url)
        for _ in range(5):
            subject.put(block())
            time.sleep(0.02)
        assert not subject.settle(0.1)
        subject.close(0.1)
    assert receiver.asked == 1
    assert [record.getMessage() for record in caplog.records if "enable-remote-write-receiver" in record.getMessage()]
    assert len(caplog.records) == 1


def test_the_oldest_make_room_when_nobody_takes_them() -> None:
    subject = WriteBack(f"http://127.0.0.1:{free_port()}", timedelta(seconds=1))
    large = Block(b"x" * 20_000_000, 10)
    for _ in range(6):
        subject.put(large)
    # One of them may be on its way already.
    assert subject.dropped in (20, 30)
    subject.close(0.1)


def wait_until(holds: Callable[[], bool], seconds: float = 5.0) -> None:
    deadline = time.perf_counter() + seconds
    while not holds():
        assert time.perf_counter() < deadline
        time.sleep(0.01)
