"""Rules at work as one part: what the page tells of them, and where they write."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from remediator.clock import FakeClock
from remediator.evaluation import LISTED, Evaluation
from remediator.journal.memory import MemoryJournal
from remediator.model.alert import AlertState, Group, KeptAlert, Rule
from remediator.model.enrolment import Term
from remediator.model.evidence import Gate
from remediator.runtime.ledger import Ledger
from remediator.settings import Settings
from remediator.sources.fake_store import FakeStore
from remediator.sources.results import StoreError
from remediator.sources.slots import group_key

NOON = datetime(2026, 8, 1, 12, tzinfo=UTC)
NOWHERE = Path()
SETTINGS = Settings(NOWHERE, NOWHERE, NOWHERE, store_write_url="")
RULES = tuple(Rule("g", f"Rule{number}", f"x{number}", timedelta(seconds=10)) for number in range(LISTED + 5))
GROUP = Group("g", "f", timedelta(seconds=1), RULES)


class Site:
    def __init__(self, settings: Settings = SETTINGS) -> None:
        self.store, self.clock, self.ledger = FakeStore(), FakeClock(NOON), Ledger(MemoryJournal())
        gate = Gate(open=True, reason="", since=NOON)
        self.subject = Evaluation([GROUP], self.store, self.ledger, self.clock, lambda: gate, settings)

    def metrics(self) -> dict[str, list[tuple[dict[str, str], float]]]:
        families = list(self.subject.collect())
        return {family.name: [(sample.labels, sample.value) for sample in family.samples] for family in families}


async def test_rules_that_cannot_tell_are_listed_and_the_others_counted() -> None:
    site = Site()
    site.store.fail("x3", StoreError("no"))
    await site.subject.evaluator.run_group(group_key(GROUP), NOON)
    page = site.metrics()
    assert page["fleetmend_rule_outcome"] == [({"group": "f;g", "rule": "Rule3", "outcome": "error"}, 1.0)]
    counted = {labels["outcome"]: value for labels, value in page["fleetmend_rules"]}
    assert counted == {"ok": LISTED + 4, "no_data": 0, "error": 1, "unknown": 0}
    assert "fleetmend_write_back_samples" not in page


async def test_a_store_that_is_away_lists_no_more_rules_than_a_page_can_bear() -> None:
    site = Site()
    for rule in RULES:
        site.store.fail(rule.expr, StoreError("no"))
    await site.subject.evaluator.run_group(group_key(GROUP), NOON)
    assert len(site.metrics()["fleetmend_rule_outcome"]) == LISTED


@pytest.mark.parametrize(("url", "written"), [("", False), (None, True), ("http://127.0.0.1:9", True)])
def test_where_alerts_are_written(url: str | None, *, written: bool) -> None:
    site = Site(replace(SETTINGS, store_write_url=url))
    assert site.subject.written_back is written
    assert ("fleetmend_write_back_samples" in site.metrics()) is written


async def test_the_time_away_is_taken_from_the_last_term() -> None:
    for seen, since in ((timedelta(minutes=2), NOON), (timedelta(minutes=20), NOON + timedelta(minutes=20))):
        site, now = Site(), NOON + timedelta(minutes=21)
        kept = KeptAlert("f;g/Rule1", "f1", "Rule1", {"alertname": "Rule1"}, AlertState.PENDING, NOON, 1.0)
        async with site.ledger.writing() as draft:
            draft.put(kept)
        site.subject.restore(Term("i", 1, NOON - timedelta(days=1), now - seen), now)
        assert [alert.active_at for alert in site.subject.evaluator.alerts()] == [since]
