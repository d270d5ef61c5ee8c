"""Five minutes of live data, the same rule files, four evaluators side by side: the same alerts, second by second.

What may differ, and why:

* Against Prometheus on one store: a group's slots lie elsewhere within the second, so that a change in the data is
  seen by one of the two up to an interval (1 s) earlier. A busy machine evaluates late, and answers late.
* Against vmalert on VictoriaMetrics: besides that, vmalert's questions are about one second ago
  (``-search.latencyOffset``), ours about now (``nocache``), and the store shows new samples in bursts, 1 to 2 s late.
* Between the two stores: each scrapes for itself, which is one second more.

Nothing else may: each alert passes through the same states in the same order, as often.
"""

import asyncio
import os
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import pytest

from tests.remediator.parity import live_peers
from tests.remediator.parity.live_peers import Timeline
from tests.remediator.parity.live_rules import COMMON, LIMITED, STRICT
from tests.remediator.parity.live_site import site

pytestmark = [pytest.mark.store, pytest.mark.slow]

# Shorter while working on it: FLEETMEND_PARITY_SECONDS=60.
SECONDS = float(os.environ.get("FLEETMEND_PARITY_SECONDS", "300"))
# By then every series was there once: a new one takes VictoriaMetrics up to ten seconds.
WARM_UP = 40.0
SAME_STORE, VICTORIA, ACROSS = 2.0, 4.5, 5.5
COMMON_NAMES = frozenset(rule.name for rule in COMMON.rules)


class Run(NamedTuple):
    """An alert in one state: since when, on the clock of all timelines."""

    state: str
    since: float


def runs(timeline: Timeline) -> dict[str, list[Run]]:
    """Each alert's states in their order, by its labels; ``none`` between two lives."""
    found: dict[str, list[Run]] = defaultdict(list)
    for moment, active in timeline:
        states = {", ".join(f"{name}={value}" for name, value in sorted(labels)): state for labels, state in active}
        for alert in found.keys() | states.keys():
            state = states.get(alert, "none")
            if not found[alert] or found[alert][-1].state != state:
                found[alert].append(Run(state, moment))
    return found


def differences(one: Timeline, other: Timeline, allowed: float, names: frozenset[str] | None = None) -> str:
    """Every alert of the first whose states the other has not: the same, in the same order, none between them,
    each within the allowed seconds.
    """
    start = one[0][0]
    first, last = start + WARM_UP, one[-1][0] - 2 * allowed
    found, theirs = runs(one), runs(other)
    said = []
    for alert, lives in sorted(found.items()):
        mine = [run for run in lives if first < run.since < last]
        wanted = names is None or any(f"alertname={name}" in alert.split(", ") for name in names)
        if wanted and not any(alike(mine, theirs[alert][place:], allowed) for place in range(len(theirs[alert]) + 1)):
            said.append(f"{alert}: {told(mine, theirs[alert], allowed, start)}")
    return "\n".join(said)


def alike(mine: list[Run], theirs: list[Run], allowed: float) -> bool:
    pairs = zip(mine, theirs, strict=False)
    return len(mine) <= len(theirs) and all(
        run.state == their.state and abs(run.since - their.since) <= allowed for run, their in pairs
    )


def told(mine: list[Run], theirs: list[Run], allowed: float, start: float) -> str:
    """The first change that the other has not."""
    for run in mine:
        if not any(alike([run], [their], allowed) for their in theirs):
            return f"{run.state} after {run.since - start:.2f} s; there: {near(theirs, run, start)}"
    return "not in the same order, or not as often"


def near(those: list[Run], run: Run, start: float) -> str:
    close = [f"{their.state} {their.since - start:.2f}" for their in those if abs(their.since - run.since) < 12]
    return ", ".join(close) or "nothing"


@pytest.fixture(scope="module")
def timelines(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Timeline]:
    """What each peer said, by its name: all at the same time."""
    folder = tmp_path_factory.mktemp("live")
    with site() as page, live_peers.running(folder, page, SECONDS) as peers, ThreadPoolExecutor(8) as threads:
        strict = live_peers.evaluator(peers.prometheus, (COMMON, STRICT, LIMITED), threads)
        common = live_peers.evaluator(peers.victoria, (COMMON,), threads)
        asked = {
            "prometheus": live_peers.said_by(peers.prometheus),
            "vmalert": live_peers.said_by(peers.vmalert),
            "ours on Prometheus": live_peers.said_by_us(strict),
            "ours on VictoriaMetrics": live_peers.said_by_us(common),
        }
        return asyncio.run(live_peers.watched(asked, [strict, common], SECONDS))


def test_ours_and_prometheus_ruler(timelines: dict[str, Timeline]) -> None:
    ours, theirs = timelines["ours on Prometheus"], timelines["prometheus"]
    assert differences(ours, theirs, SAME_STORE) == ""
    assert differences(theirs, ours, SAME_STORE) == ""


def test_ours_and_vmalert(timelines: dict[str, Timeline]) -> None:
    ours, theirs = timelines["ours on VictoriaMetrics"], timelines["vmalert"]
    assert differences(ours, theirs, VICTORIA) == ""
    assert differences(theirs, ours, VICTORIA) == ""


def test_the_two_stores(timelines: dict[str, Timeline]) -> None:
    one, other = timelines["ours on VictoriaMetrics"], timelines["prometheus"]
    assert differences(one, other, ACROSS) == ""
    assert differences(other, one, ACROSS, COMMON_NAMES) == ""


def test_everything_happened(timelines: dict[str, Timeline]) -> None:
    # Otherwise the others compare nothing with nothing.
    seen = runs(timelines["prometheus"])
    for rule in (*COMMON.rules, *STRICT.rules, *LIMITED.rules):
        lives = [found for alert, found in seen.items() if f"alertname={rule.name}" in alert.split(", ")]
        assert lives, f"{rule.name} was never active"
        assert any(run.state == "firing" for found in lives for run in found), f"{rule.name} never fired"
