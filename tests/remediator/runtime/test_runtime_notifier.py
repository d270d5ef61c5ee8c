"""Who is told what, and when: as Prometheus, and with pages that wait for their playbooks."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from remediator.clock import FakeClock
from remediator.model.alert import Alert, AlertState
from remediator.model.decision import Decision, DecisionOutcome
from remediator.model.evidence import Gate
from remediator.model.policy import Mode, Step
from remediator.model.received import SentAlert
from remediator.runtime.alerts.notifier import Notifier, NotifySettings
from remediator.runtime.alerts.outlet import Outlet
from tests.remediator.builders import CLOSED, NOON, OPEN, SECOND, alert, playbook, policy, remediation
from tests.remediator.runtime.lab import Lab

MINUTE = timedelta(minutes=1)
BOOK = playbook("drain_it", steps=(Step("cordon"), Step("migrate")))


class Kept:
    """An Alertmanager that keeps what it is told."""

    place = "am:9093"

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []

    async def post(self, body: bytes) -> None:
        self.told += msgspec.json.decode(body)


class Site:
    """A notifier over a lab's loop and ledger; tests set the alerts and the decisions."""

    def __init__(self, lab: Lab | None = None, *, after_playbook: bool = False, **book: Any) -> None:
        self.lab = lab or Lab(rules=policy(replace(BOOK, **book)))
        self.manager = Kept()
        self.alerts: list[Alert] = []
        self.state: Gate = OPEN
        self.news = True
        self.interval = SECOND
        self.outlet = Outlet(self.manager, self.lab.clock)
        self.notifier = Notifier(
            self,
            self.lab.loop,
            self.lab.ledger,
            [self.outlet],
            self.lab.clock,
            NotifySettings("http://us:8321", after_playbook),
        )

    def to_tell(self) -> list[tuple[Alert, timedelta]]:
        return [(each, self.interval) for each in self.alerts]

    def has_news(self) -> bool:
        return self.news

    def gate(self) -> Gate:
        return self.state

    @property
    def clock(self) -> FakeClock:
        return self.lab.clock

    async def look(self, wait: float = 0.0) -> list[dict[str, Any]]:
        """One look after that many seconds; what the Alertmanager was told by it."""
        self.lab.wait(wait)
        await self.notifier.look()
        while self.outlet.waiting:
            await self.outlet.post_some()
        told, self.manager.told = self.manager.told, []
        return told

    def fires(self, name: str = "h1", book: str = "drain_it", **more: Any) -> Alert:
        fired = alert(name, book, fired_at=self.clock.now(), **more)
        self.alerts = [fired]
        return fired

    def resolves(self) -> None:
        over = self.clock.now()
        self.alerts = [replace(each, state=AlertState.RESOLVED, resolved_at=over) for each in self.alerts]

    def decides(self, outcome: DecisionOutcome, action: str = "cordon", reason: str = "", text: str = "") -> None:
        made = Decision(f"{action}-{reason}", self.clock.now(), "drain_it", "h1", action, outcome, reason, text)
        if outcome is DecisionOutcome.ACT:
            self.lab.loop.recent.appendleft(made)
            self.lab.loop.holds = {}
        else:
            self.lab.loop.holds = {("drain_it", "h1", action): made}

    async def acts(self, *steps: str, closed: datetime | None = None) -> None:
        for step in steps:
            self.decides(DecisionOutcome.ACT, step)
        done = replace(remediation("h1", *steps, playbook="drain_it", ago=0), opened_at=self.clock.now())
        await self.lab.put(replace(done, closed_at=closed, outcome="the signal cleared" if closed else ""))


async def test_a_firing_alert_is_told_with_what_an_alertmanager_needs() -> None:
    site = Site()
    site.fires(book="", labels={"alertname": "Odd", "host": "h1"}, annotations={"summary": "odd"})
    (told,) = await site.look()
    assert told == {
        "labels": {"alertname": "Odd", "host": "h1"},
        "annotations": {"summary": "odd", "fleetmend_explain": told["generatorURL"]},
        "startsAt": "2026-08-01T12:00:00Z",
        "endsAt": "2026-08-01T12:04:00Z",
        "generatorURL": "http://us:8321/?alert=/h1",
    }


async def test_it_is_told_again_each_minute_and_valid_for_four() -> None:
    site = Site()
    site.fires(book="none")
    assert len(await site.look()) == 1
    assert await site.look(30) == []
    assert await site.look(29) == []
    (again,) = await site.look(1)
    assert again["endsAt"] == "2026-08-01T12:05:00Z"
    site.interval = 2 * MINUTE
    assert (await site.look(60))[0]["endsAt"] == "2026-08-01T12:10:00Z"


async def test_pending_alerts_are_nobodys_business() -> None:
    site = Site()
    site.alerts = [alert(state=AlertState.PENDING)]
    assert await site.look() == []


async def test_that_it_is_over_is_told_at_once_and_for_a_quarter_of_an_hour() -> None:
    site = Site()
    site.fires(book="none")
    await site.look()
    site.lab.wait(10)
    site.resolves()
    (told,) = await site.look()
    assert told["endsAt"] == "2026-08-01T12:00:10Z"
    assert [len(await site.look(60)) for _ in range(17)] == [1] * 15 + [0] * 2


async def test_what_is_done_is_told_as_it_happens() -> None:
    site = Site()
    site.fires()
    (first,) = await site.look()
    assert first["annotations"]["fleetmend_action"] == "drain_it: nothing is decided yet"
    assert first["annotations"]["fleetmend_explain"] == "http://us:8321/explain/h1"
    await site.acts("cordon")
    (told,) = await site.look(1)
    assert told["annotations"]["fleetmend_action"] == "drain_it is under way: cordon"
    site.decides(DecisionOutcome.HOLD, "migrate", "NoRoom", "no host has room")
    (told,) = await site.look(1)
    text = "drain_it is held at migrate after cordon by NoRoom: no host has room"
    assert told["annotations"]["fleetmend_action"] == text
    assert await site.look(1) == []


async def test_after_playbook_a_remedied_alert_pages_nobody() -> None:
    site = Site(after_playbook=True)
    site.fires()
    assert await site.look() == []
    assert site.notifier.held == 1
    await site.acts("cordon", "migrate", closed=NOON + 20 * SECOND)
    site.lab.wait(20)
    site.resolves()
    assert [await site.look(60) for _ in range(3)] == [[], [], []]


async def test_after_playbook_what_goes_on_though_all_was_done_is_told_with_a_label() -> None:
    site = Site(after_playbook=True)
    site.fires()
    await site.acts("cordon", "migrate")
    (told,) = await site.look()
    assert told["labels"]["fleetmend_outcome"] == "succeeded"
    assert told["annotations"]["fleetmend_action"] == "drain_it has done all its steps: cordon, migrate"
    site.lab.wait(5)
    site.resolves()
    (over,) = await site.look()
    assert (over["labels"]["fleetmend_outcome"], over["endsAt"]) == ("succeeded", "2026-08-01T12:00:05Z")


async def test_after_playbook_what_went_out_as_succeeded_is_no_page_for_being_worked_on_again() -> None:
    site = Site(after_playbook=True)
    site.fires()
    await site.acts("cordon", "migrate")
    await site.look()
    again = Site(site.lab, after_playbook=True)
    again.alerts = site.alerts
    await again.acts("cordon")
    told = await again.look(600)
    assert [each["labels"].get("fleetmend_outcome") for each in told] == ["succeeded"]


async def test_after_playbook_a_failure_later_on_is_a_page_and_ends_the_mild_word() -> None:
    site = Site(after_playbook=True)
    site.fires()
    await site.acts("cordon", "migrate")
    await site.look()
    site.decides(DecisionOutcome.ASK, "migrate", "NeedsApproval", "would do 3 effects")
    mild, page = await site.look(5)
    assert (mild["labels"].get("fleetmend_outcome"), mild["endsAt"]) == ("succeeded", "2026-08-01T12:00:05Z")
    assert "fleetmend_outcome" not in page["labels"]
    assert page["annotations"]["fleetmend_action"].startswith("drain_it waits for a person at migrate")


async def test_after_playbook_a_guard_that_holds_for_long_is_told_and_one_that_settles_is_not() -> None:
    site = Site(after_playbook=True)
    site.fires()
    site.decides(DecisionOutcome.HOLD, reason="Settling", text="unbroken for 1 s of 2 s")
    assert await site.look() == []
    assert await site.look(9) == []
    (told,) = await site.look(1)
    assert "is held at cordon by Settling" in told["annotations"]["fleetmend_action"]
    # A page stays one, whatever comes of it.
    await site.acts("cordon", "migrate")
    (told,) = await site.look(1)
    assert "fleetmend_outcome" not in told["labels"]


@pytest.mark.parametrize(
    "book", [{"mode": Mode.SHADOW}, {"mode": Mode.DISABLED}, {"mode": Mode.APPROVE}, {"name": "other"}]
)
async def test_after_playbook_what_nothing_will_be_done_about_is_told_at_once(book: dict[str, Any]) -> None:
    site = Site(after_playbook=True, **book)
    site.fires()
    assert len(await site.look()) == 1


async def test_after_playbook_people_only_alerts_and_those_that_may_not_ask_go_at_once() -> None:
    site = Site(after_playbook=True)
    site.alerts = [
        alert("h1", "none", fired_at=NOON),
        alert("h2", "drain_it", fired_at=NOON, source="evaluator", actionable=False),
        alert("h3", "drain_it", fired_at=NOON),
    ]
    assert [told["labels"]["host"] for told in await site.look()] == ["h1", "h2"]


async def test_after_playbook_no_page_waits_longer_than_its_time() -> None:
    site = Site(after_playbook=True)
    site.fires()
    assert await site.look(299) == []
    assert len(await site.look(1)) == 1


async def test_after_playbook_what_others_tell_waits_from_when_we_heard_of_it() -> None:
    site = Site(after_playbook=True)
    site.alerts = [alert("h1", "drain_it", fired_at=NOON - 60 * MINUTE, source="evaluator")]
    assert await site.look() == []
    assert await site.look(299) == []
    assert len(await site.look(1)) == 1


async def test_after_playbook_a_store_that_is_not_trusted_holds_no_page_for_long() -> None:
    site = Site(after_playbook=True)
    site.state = CLOSED
    site.fires()
    assert await site.look() == []
    (told,) = await site.look(10)
    assert "the metrics store cannot be trusted" in told["annotations"]["fleetmend_action"]


async def test_after_a_restart_what_was_told_goes_on_being_told_and_what_waited_waits_on() -> None:
    first = Site(after_playbook=True)
    paged = first.fires("h1")
    held = replace(first.fires("h2"), fired_at=NOON + 295 * SECOND)
    first.alerts = [paged, held]
    (told,) = await first.look(300)
    assert told["labels"]["host"] == "h1"
    again = Site(first.lab, after_playbook=True)
    again.alerts = first.alerts
    assert [told["labels"]["host"] for told in await again.look(1)] == ["h1"]
    assert again.notifier.held == 1
    again.resolves()
    assert [told["labels"]["host"] for told in await again.look(1)] == ["h1"]
    # Nothing of it is kept when it is over for good.
    again.alerts = []
    await again.look(20 * 60)
    assert not again.lab.ledger.all(SentAlert)


async def test_while_nothing_moves_it_looks_now_and_then_only() -> None:
    site = Site()
    site.fires(book="none")
    await site.look()
    site.news = False
    assert not site.notifier._worth_looking()
    site.lab.wait(10)
    assert site.notifier._worth_looking()
    await site.look()
    site.news = True
    assert site.notifier._worth_looking()


async def test_a_playbook_that_moves_is_looked_at() -> None:
    site = Site()
    site.fires()
    await site.look()
    site.news = False
    assert not site.notifier._worth_looking()
    site.decides(DecisionOutcome.HOLD, reason="NoRoom", text="no host has room")
    assert site.notifier._worth_looking()


async def test_an_alert_that_cannot_be_told_holds_up_no_other(caplog: pytest.LogCaptureFixture) -> None:
    site = Site()
    bad = alert("h1", "none", annotations={"summary": "\ud800"})
    site.alerts = [bad, alert("h2", "none")]
    assert [told["labels"]["host"] for told in await site.look()] == ["h2"]
    assert "cannot be told" in caplog.text
