"""The store's past through a real VictoriaMetrics and a real Prometheus: pieces, gaps, look-back, screens."""

import subprocess
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import requests

from remediator.clock import SystemClock
from remediator.model.alert import Group, Rule
from remediator.model.policy import Policy
from remediator.simulate.replay.alerts import alerts_of
from remediator.simulate.replay.expr import with_lookback
from remediator.simulate.replay.past import Stretch
from remediator.simulate.replay.truth import Asked, Grid, Truths, truth
from remediator.sources.history import History, HistoryError
from remediator.sources.store import Store, Vector
from tests.conftest import binary

pytestmark = pytest.mark.store
STEP = timedelta(seconds=15)
LENGTH = timedelta(hours=6)
EVERY = 20
RULES = (
    "replay_load > 90",
    "max by (host) (replay_load) > 90",
    "avg(replay_load) < 12",
    "replay_load >= 0 unless replay_load < 50",
)


def beginning() -> datetime:
    """Some hours ago, on a slot."""
    return (SystemClock().now() - timedelta(hours=8)).replace(minute=0, second=0, microsecond=0)


def samples(start: datetime) -> dict[str, list[tuple[int, float]]]:
    """Two hosts: one crosses 90 now and then, the other falls silent for a while."""
    found: dict[str, list[tuple[int, float]]] = {"a": [], "b": []}
    for number in range(int(LENGTH.total_seconds()) // EVERY):
        at = int(start.timestamp()) + number * EVERY
        found["a"].append((at, 95.0 if number % 400 in (3, 4, 5, 60) else 10.0))
        if not 300 < number < 420:
            found["b"].append((at, 93.0 if 290 < number <= 300 else 14.0))
    return found


@pytest.fixture
def victoria(victoria_metrics: str) -> tuple[str, datetime]:
    start = beginning()
    for host, points in samples(start).items():
        metric = f'{{"__name__":"replay_load","host":"{host}"}}'
        times, values = ([str(point[0] * 1000) for point in points], [str(point[1]) for point in points])
        line = f'{{"metric":{metric},"values":[{",".join(values)}],"timestamps":[{",".join(times)}]}}'
        requests.post(f"{victoria_metrics}/api/v1/import", data=line, timeout=10).raise_for_status()
    requests.get(f"{victoria_metrics}/internal/force_flush", timeout=10).raise_for_status()
    return victoria_metrics, start


@pytest.fixture
def prometheus(start_prometheus: Callable[[str], str], tmp_path: Path) -> tuple[str, datetime]:
    start = beginning()
    points = sorted((at, host, value) for host, mine in samples(start).items() for at, value in mine)
    lines = [f'replay_load{{host="{host}"}} {value} {at}' for at, host, value in points]
    (tmp_path / "past.om").write_text("# TYPE replay_load gauge\n" + "\n".join(lines) + "\n# EOF\n")
    made = ["tsdb", "create-blocks-from", "openmetrics", str(tmp_path / "past.om"), str(tmp_path / "tsdb")]
    subprocess.run([binary("promtool"), *made], check=True, capture_output=True, timeout=60)
    return start_prometheus("global: {scrape_interval: 1h}\n"), start


@pytest.mark.parametrize("kind", ["victoria", "prometheus"])
def test_the_past_is_what_instant_queries_would_have_said(request: pytest.FixtureRequest, kind: str) -> None:
    url, start = request.getfixturevalue(kind)
    truths = Truths(Asked(History(url), victoria=kind == "victoria"))
    grid, store = Grid(start, STEP), Store(url)
    for expr in RULES:
        elements = truths.elements(expr, grid, start + LENGTH)
        assert elements, expr
        # Around every edge, and into the gap: there the last sample is seen for five minutes.
        edges = {edge + near for each in elements for run in each.runs for edge in run for near in (-1, 0, 1)}
        for slot in sorted(edge for edge in edges if 0 <= edge < LENGTH // STEP)[:60]:
            result = store.query(expr, grid.at(slot))
            instant = {s.labels.get("host") for s in result.samples} if isinstance(result, Vector) else set()
            seen = {e.labels.get("host") for e in elements if any(low <= slot <= high for low, high in e.runs)}
            assert seen == instant, (expr, grid.at(slot))


def test_pieces_and_screens_change_nothing(victoria: tuple[str, datetime]) -> None:
    url, start = victoria
    history, grid = History(url), Grid(start, timedelta(seconds=1))
    for expr in RULES:
        # 21,600 slots of a second are two pieces, and six windows to be screened.
        whole = truth(history.series(with_lookback(expr), start, start + LENGTH, grid.step), start, grid.step)
        screened = Truths(Asked(history)).elements(expr, grid, start + LENGTH)
        assert [(e.labels, e.runs) for e in screened] == [(e.labels, e.runs) for e in whole]


def test_alerts_of_recorded_and_unrecorded_rules(victoria: tuple[str, datetime]) -> None:
    url, start = victoria
    stretch = Stretch(start, start + LENGTH)
    rules = (
        Rule("g", "host:load:max", "max by (host) (replay_load)", recording=True, labels={"kind": "max"}),
        Rule("g", "Loaded", "host:load:max > 90", timedelta(seconds=30), labels={"severity": "warning"}),
    )
    policy = Policy((Group("g", "g.yml", STEP, rules),))
    lives, (report,) = alerts_of(policy, Truths(Asked(History(url))), stretch, (), lambda _done: None)
    assert "host:load:max put in place" in report.how
    # Sixty seconds above 90 fire, twenty do not.
    assert {life.fired is not None for life in lives} == {True, False}
    assert {life.labels["kind"] for life in lives} == {"max"}
    assert all(life.fired - life.born == timedelta(seconds=30) for life in lives if life.fired)


def test_failures_are_told_and_never_an_empty_past(victoria: tuple[str, datetime], tmp_path: Path) -> None:
    url, start = victoria

    def asked(history: History, expr: str = "up") -> None:
        list(history.series(expr, start, start + STEP, STEP))

    with pytest.raises(HistoryError, match="HTTP 422"):
        asked(History(url), "sum(")
    with pytest.raises(HistoryError, match="token file"):
        asked(History(url, token_file=tmp_path / "nowhere"))
    with pytest.raises(HistoryError, match="HTTP"):
        asked(History(f"{url}/nowhere"))
