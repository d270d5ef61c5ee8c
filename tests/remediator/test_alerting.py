"""Which alerts go on to people, when there is news of them, and what our page tells."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest

from remediator.alerting import Alerting, Around, all_alerts, build_intake, external_url
from remediator.model.alert import Group, Rule
from remediator.model.received import AlertWord, Sender, Teller
from remediator.settings import Endpoint, IntakeSettings
from remediator.sources.evaluator import Evaluator
from remediator.sources.fake_store import FakeStore
from remediator.sources.fingerprint import fingerprint
from remediator.sources.slots import group_key
from tests.remediator.builders import NOON, OPEN
from tests.remediator.runtime.lab import SETTINGS, Lab

MINUTE = timedelta(minutes=1)
GROUP = Group("g", "g.yml", 2 * MINUTE, (Rule("g", "Sick", "sick", labels={"playbook": "none"}),))
OURS = {"alertname": "Sick", "host": "h1", "playbook": "none"}


class Site:
    """Alerting over a store whose answers the test sets."""

    def __init__(self, session: aiohttp.ClientSession, folder: Path) -> None:
        self.lab, self.store = Lab(), FakeStore()
        (folder / "prom.token").write_text("prom")
        settings = replace(
            SETTINGS,
            alertmanagers=(Endpoint("http://am:9093"),),
            intake=(IntakeSettings(folder / "prom.token", ("host_dead", "host_ded")),),
        )
        self.evaluator = Evaluator([GROUP], self.store, self.lab.clock, lambda: OPEN)
        self.intake = build_intake(self.lab.ledger, self.lab.clock, settings)
        parts = (self.lab.ledger, self.evaluator, self.lab.loop, self.lab.clock, session)
        self.alerting = Alerting(self.intake, Around(*parts, lambda: OPEN), settings)

    async def evaluate(self) -> None:
        self.lab.wait(120)
        await self.evaluator.run_group(group_key(GROUP), self.lab.clock.now())

    async def hears(self, host: str, teller: Teller = Teller.EVALUATOR, **annotations: str) -> None:
        labels = {**OURS, "host": host}
        word = AlertWord(fingerprint(labels), labels, teller, NOON, NOON + 60 * MINUTE, annotations=annotations)
        await self.intake.take([word], Sender("prom.token"))

    def told(self) -> dict[str, timedelta]:
        return {alert.labels["host"]: interval for alert, interval in self.alerting.to_tell()}


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with aiohttp.ClientSession() as session:
        yield Site(session, tmp_path)


async def test_ours_go_on_and_what_evaluators_told_us_each_once(site: Site) -> None:
    site.store.set("sick", ({"host": "h1"}, 1.0))
    await site.evaluate()
    await site.hears("h1")
    await site.hears("h2")
    await site.hears("h3", Teller.ALERTMANAGER)
    await site.hears("h4", Teller.GRAFANA)
    await site.hears("h5", fleetmend_explain="http://other/explain/h5")
    assert site.told() == {"h1": 2 * MINUTE, "h2": timedelta(seconds=1)}
    hosts = [alert.labels["host"] for alert in all_alerts(site.evaluator, site.intake)]
    assert hosts == ["h1", "h2", "h3", "h4", "h5"]


async def test_there_is_news_when_an_alert_moves_and_not_before(site: Site) -> None:
    site.alerting.has_news()
    assert not site.alerting.has_news()
    site.store.set("sick", ({"host": "h1"}, 1.0))
    await site.evaluate()
    assert site.alerting.has_news()
    await site.evaluate()
    assert not site.alerting.has_news()
    await site.hears("h2")
    assert site.alerting.has_news()
    await site.hears("h2")
    assert not site.alerting.has_news()


def test_where_people_find_our_page() -> None:
    assert external_url(SETTINGS) == "http://127.0.0.1:8321"
    assert external_url(replace(SETTINGS, listen="fd:3, 10.0.0.1:80")) == "http://10.0.0.1:80"
    assert external_url(replace(SETTINGS, external_url="https://fleetmend.example")) == "https://fleetmend.example"


async def test_our_page_tells_of_both_ways(site: Site) -> None:
    await site.hears("h2")
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in site.alerting.collect()
        for sample in family.samples
    }
    assert samples["fleetmend_intake_alerts_total", "new"] == 1
    assert samples["fleetmend_intake_standing",] == 1
    assert samples["fleetmend_notifications_sent_total", "am:9093"] == 0
    assert samples["fleetmend_notifications_queue_length", "am:9093"] == 0
    assert samples["fleetmend_notifications_held",] == 0


async def test_a_sender_for_a_playbook_that_is_not_there_is_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with aiohttp.ClientSession() as session:
        Site(session, tmp_path)
    assert caplog.messages == ["intake: prom.token may ask for playbook 'host_ded', which there is not"]
