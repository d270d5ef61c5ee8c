"""Every shipped alert on VictoriaMetrics and on Prometheus, over the data of its own unit tests: the same elements.

The data of each test get days of their own, one after the other, for a store forgets nothing between two tests.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from remediator.actions import ACTIONS
from remediator.model.alert import Rule
from remediator.policy.load import load_policy
from remediator.sources.results import NoData, Vector
from remediator.sources.store import Store
from remediator.templates.functions import FUNCTIONS
from tests.conftest import binary, started
from tests.remediator.parity.conftest import prometheus_arguments
from tests.remediator.parity.peers import Series, parse_series, points, write
from tests.store_lab import free_port

pytestmark = pytest.mark.store

ROOT = Path(__file__).parents[2]
FIRST_DAY = datetime(2024, 1, 1, tzinfo=UTC)
APART = timedelta(days=3)
# What is exactly as old as a window counts for Prometheus 2.42, not for VictoriaMetrics; no real scrape falls there.
BESIDE = timedelta(milliseconds=250)
RULES = {
    (Path(group.file).name, rule.name): rule
    for group in load_policy(ROOT / "rules", ACTIONS).groups
    for rule in group.rules
    if not rule.recording
}


@dataclass(frozen=True)
class Story:
    """One unit test of alerts: its file, its data, and its questions; it happens at ``start``."""

    file: str
    name: str
    step: int
    series: tuple[Series, ...]
    cases: tuple[dict[str, Any], ...]
    start: datetime

    @property
    def moments(self) -> list[datetime]:
        return sorted({self.at(case) for case in self.cases})

    def at(self, case: dict[str, Any]) -> datetime:
        return self.start + parse_duration(case["eval_time"]) + BESIDE

    def rules(self) -> Iterator[Rule]:
        """Every alert of the files that the story is about, whether the story asks about it or not."""
        yield from (rule for (file, _), rule in RULES.items() if file == self.file)


def parse_duration(text: str) -> timedelta:
    return timedelta(seconds=FUNCTIONS["parseDuration"].call(text))


def stories() -> list[Story]:
    found: list[Story] = []
    for path in sorted((ROOT / "rules" / "tests" / "alerts").glob("*.yml")):
        document = yaml.safe_load(path.read_text())
        for number, test in enumerate(document["tests"]):
            start = FIRST_DAY + len(found) * APART
            series = tuple(_series(one, start) for one in test["input_series"])
            step = round(parse_duration(test["interval"]).total_seconds())
            cases = tuple(test.get("alert_rule_test", ()))
            name = f"{path.stem}: {test.get('name', number)}"
            files = document["rule_files"]
            found += [Story(Path(file).name, name, step, series, cases, start) for file in files]
    return found


def _series(written: dict[str, str], start: datetime) -> Series:
    labels, course = parse_series(written["series"]), points(written["values"])
    # What is a moment in promtool's time, which begins with the epoch, is one in the story's.
    if labels["__name__"].endswith("_timestamp_seconds"):
        moved = tuple(point + start.timestamp() if isinstance(point, float) else point for point in course)
        return Series(labels, moved)
    return Series(labels, course)


STORIES = stories()


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Store]]:
    """The two stores, each with every story in it."""
    folder, ports = tmp_path_factory.mktemp("both"), (free_port(), free_port())
    victoria, prometheus = (f"http://127.0.0.1:{port}" for port in ports)
    arguments = [
        binary("victoria-metrics", "victoria-metrics-prod"),
        f"-storageDataPath={folder / 'victoria'}",
        f"-httpListenAddr=127.0.0.1:{ports[0]}",
        "-retentionPeriod=100y",
        "-memory.allowedPercent=10",
    ]
    long_ago = [*prometheus_arguments(folder, ports[1]), "--storage.tsdb.retention.time=100y"]
    with (
        started(arguments, f"{victoria}/health", folder / "victoria.log"),
        started(long_ago, f"{prometheus}/-/ready", folder / "prometheus.log"),
    ):
        for story in STORIES:
            for store in (victoria, prometheus):
                write(store, story.series, story.step, round(story.start.timestamp()))
        assert requests.get(f"{victoria}/internal/force_flush", timeout=30).ok
        long = timedelta(seconds=30)
        yield {"VictoriaMetrics": Store(victoria, long), "Prometheus": Store(prometheus, long)}


def elements(store: Store, rule: Rule, at: datetime) -> set[frozenset[tuple[str, str]]]:
    result = store.query(rule.expr, at)
    assert isinstance(result, (Vector, NoData)), f"{rule.name}: {result}"
    samples = result.samples if isinstance(result, Vector) else ()
    return {frozenset(sample.labels.items()) for sample in samples}


@pytest.mark.parametrize("story", STORIES, ids=lambda story: f"{story.file}-{story.name}")
def test_both_stores_give_the_same_elements(both: dict[str, Store], story: Story) -> None:
    for rule in story.rules():
        for at in story.moments:
            found = {name: elements(store, rule, at) for name, store in both.items()}
            assert found["VictoriaMetrics"] == found["Prometheus"], f"{rule.name} after {at - story.start}"


@pytest.mark.parametrize("story", STORIES, ids=lambda story: f"{story.file}-{story.name}")
def test_what_fires_in_the_unit_test_is_there(both: dict[str, Store], story: Story) -> None:
    for case in story.cases:
        rule = RULES.get((story.file, case["alertname"]))
        # What is kept firing may no longer be in the result.
        if rule is None or rule.keep_firing_for:
            continue
        fixed = {name: text for name, text in rule.labels.items() if "{{" not in text}
        for alert in case.get("exp_alerts") or ():
            wanted = {item for item in alert["exp_labels"].items() if item not in fixed.items()}
            for name, store in both.items():
                found = elements(store, rule, story.at(case))
                assert any(wanted <= labels for labels in found), f"{rule.name} at {case['eval_time']} on {name}"


def test_every_alert_has_a_story() -> None:
    assert {rule.name for story in STORIES for rule in story.rules()} == {name for _, name in RULES}
    assert len(STORIES) > 20
