"""Five minutes of live data, the same rule files, four evaluators side by side: the same alerts, second by second.

Twenty-three rules by hand, evaluated each second, and three hundred made ones (``live_made``), each five seconds.
What may differ, and why:

* Against Prometheus on one store: a group's slots lie elsewhere within the second, so that a change in the data is
  seen by one of the two up to an interval (1 s) earlier. A busy machine evaluates late, and answers late.
* Against vmalert on VictoriaMetrics: besides that, vmalert's questions are about one second ago
  (``-search.latencyOffset``), ours about now (``nocache``), and the store shows new samples in bursts, 1 to 2 s late.
* Between the two stores: each scrapes for itself, which is one second more.
* Made rules: what they read is in the stores beforehand, so that only the place of the slots differs, by up to five
  seconds, and who is late; each state lasts for as many slots.
* On VictoriaMetrics, what is pending for a moment and then is not: the samples of one scrape are not there at once.

Nothing else may: each alert passes through the same states in the same order, as often.
"""

import os
import re
from collections import defaultdict
from itertools import pairwise
from typing import NamedTuple

import pytest

from remediator.model.alert import Group
from tests.remediator.parity import live_peers
from tests.remediator.parity.live_made import BEFORE, CELL, made
from tests.remediator.parity.live_peers import Timeline
from tests.remediator.parity.live_rules import COMMON, LIMITED, STRICT
from tests.remediator.parity.live_site import site

pytestmark = [pytest.mark.store, pytest.mark.slow, pytest.mark.live]

# Shorter while working on it: FLEETMEND_PARITY_SECONDS=60.
SECONDS = float(os.environ.get("FLEETMEND_PARITY_SECONDS", "300"))
# By then every series was there once: a new one takes VictoriaMetrics up to ten seconds.
WARM_UP = 40.0
# With time for all to start, and some more.
MADE = made(int(SECONDS + 60) // CELL.seconds + BEFORE)
SHARED = frozenset(rule.name for group in MADE.shared for rule in group.rules)
MADE_NAMES = SHARED | frozenset(rule.name for group in MADE.strict for rule in group.rules if not rule.recording)
# So many of the made rules have to fire in five minutes, and of those that everyone has.
MOST, MOST_SHARED = (230, 165) if SECONDS >= 120 else (150, 100)
# Seconds between two who say the same; the made rules' slots lie elsewhere within their interval, which is longer.
SAME_STORE, VICTORIA, ACROSS = 2.0, 4.5, 5.5
# But they lie as far from each other throughout: a state lasts as long, in slots, for everyone.
MADE_SECONDS = CELL.seconds + 2.0
MADE_LATE = 3.5
# What means the same in both stores' languages: VictoriaMetrics keeps the name of what it looks for the extreme of,
# looks at the sample before a range as well, and compares no NaN, such as 0 / 0.
BOTH_STORES = frozenset(rule.name for rule in COMMON.rules) | frozenset(
    rule.name
    for group in MADE.shared
    for rule in group.rules
    if not set(rule.expr) & {"[", "/"} and "range" not in rule.labels.get("title", "")
)
# VictoriaMetrics does not show all samples of a scrape at once, which looks like a change for as long.
BURST = 3.0


class Run(NamedTuple):
    """An alert in one state: since when, on the clock of all timelines."""

    state: str
    since: float


def runs(timeline: Timeline) -> dict[str, list[Run]]:
    """Each alert's states in their order, by its labels; ``none`` between two lives."""
    found: dict[str, list[Run]] = defaultdict(list)
    for moment, active in timeline:
        for alert in found.keys() | active.keys():
            state = active.get(alert, "none")
            if not found[alert] or found[alert][-1].state != state:
                found[alert].append(Run(state, moment))
    return found


def name_of(alert: str) -> str:
    return next(part for part in alert.split(", ") if part.startswith("alertname=")).removeprefix("alertname=")


def differences(one: Timeline, other: Timeline, allowed: float, names: frozenset[str] | None = None) -> str:
    """Every alert of the first whose states the other has not: the same, in the same order, none between them,
    each within the allowed seconds.
    """
    start, end = one[0][0], one[-1][0]
    first, theirs = start + WARM_UP, runs(other)
    said = []
    for alert, lives in sorted(runs(one).items()):
        name, those = name_of(alert), theirs[alert]
        if names is not None and name not in names:
            continue
        seconds, late = (MADE_SECONDS, MADE_LATE) if name in MADE_NAMES else (allowed, 2 * allowed)
        if name not in MADE_NAMES and allowed > SAME_STORE:
            lives, those = lived(lives), lived(those)
        mine = [run for run in lives if first < run.since < end - 2 * seconds]
        if not around(lives, first, 0) <= around(those, first, seconds):
            said.append(f"{alert}: {around(lives, first, 0)} to begin with; there: {around(those, first, seconds)}")
        elif not any(alike(mine, those[place:], seconds, late) for place in range(len(those) + 1)):
            said.append(f"{alert}: {told(mine, those, seconds, start)}")
    return "\n".join(said)


def lived(lives: list[Run]) -> list[Run]:
    """The states without what was pending for less than a BURST, and came from nothing and to nothing."""
    found: list[Run] = []
    for run in lives:
        states = [each.state for each in (*found[-2:], run)]
        brief = states in (["none", "pending", "none"], ["pending", "none"]) and run.since - found[-1].since < BURST
        if brief:
            found.pop()
        else:
            found.append(run)
    return found


def around(lives: list[Run], moment: float, seconds: float) -> set[str]:
    """The states within so many seconds of that moment."""
    before = [run.state for run in lives if run.since < moment - seconds][-1:] or ["none"]
    return {*before, *(run.state for run in lives if abs(run.since - moment) <= seconds)}


def alike(mine: list[Run], theirs: list[Run], allowed: float, late: float) -> bool:
    pairs = list(zip(mine, theirs, strict=False))
    apart = [run.since - their.since for run, their in pairs]
    return (
        len(mine) <= len(theirs)
        and all(run.state == their.state for run, their in pairs)
        and all(abs(seconds) <= allowed for seconds in apart)
        # So much longer or shorter may a state be there.
        and all(abs(after - before) <= late for before, after in pairwise(apart))
    )


def told(mine: list[Run], theirs: list[Run], allowed: float, start: float) -> str:
    """The first change that the other has not."""
    for run in mine:
        if not any(alike([run], [their], allowed, 0) for their in theirs):
            return f"{run.state} after {run.since - start:.2f} s; there: {near(theirs, run, start)}"
    said = (", ".join(f"{run.state} {run.since - start:.2f}" for run in each) for each in (mine, theirs))
    return "not in the same order, not as often, or not for as long: {}; there: {}".format(*said)


def near(those: list[Run], run: Run, start: float) -> str:
    close = [f"{their.state} {their.since - start:.2f}" for their in those if abs(their.since - run.since) < 12]
    return ", ".join(close) or "nothing"


@pytest.fixture(scope="module")
def timelines(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Timeline]:
    """What each peer said, by its name: all at the same time."""
    folder = tmp_path_factory.mktemp("live")
    with site(folder / "site.log") as page, live_peers.running(folder, page, SECONDS, MADE) as peers:
        asked = {
            "prometheus": peers.prometheus,
            "vmalert": peers.vmalert,
            "ours on Prometheus": peers.strict,
            "ours on VictoriaMetrics": peers.common,
        }
        return live_peers.watched(asked, SECONDS)


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
    assert differences(one, other, ACROSS, BOTH_STORES) == ""
    assert differences(other, one, ACROSS, BOTH_STORES) == ""


def test_everything_happened(timelines: dict[str, Timeline]) -> None:
    # Otherwise the others compare nothing with nothing.
    seen = runs(timelines["prometheus"])
    for rule in (*COMMON.rules, *STRICT.rules, *LIMITED.rules):
        lives = [found for alert, found in seen.items() if f"alertname={rule.name}" in alert.split(", ")]
        assert lives, f"{rule.name} was never active"
        assert any(run.state == "firing" for found in lives for run in found), f"{rule.name} never fired"


@pytest.mark.parametrize(
    ("peer", "names", "least"), [("prometheus", MADE_NAMES, MOST), ("vmalert", SHARED, MOST_SHARED)]
)
def test_most_of_the_made_rules_fired(
    timelines: dict[str, Timeline], peer: str, names: frozenset[str], least: int
) -> None:
    lives = runs(timelines[peer]).items()
    fired = {name_of(alert) for alert, found in lives if any(run.state == "firing" for run in found)}
    assert len(fired & names) >= least, f"{len(fired & names)} of {len(names)} fired"


def test_they_are_hundreds() -> None:
    shared, everything = distinct(MADE.shared), distinct((*MADE.shared, *MADE.strict))
    assert (len(shared) >= 200, len(everything) >= 300) == (True, True), f"{len(shared)}, {len(everything)}"


def distinct(groups: tuple[Group, ...]) -> set[str]:
    """What the groups' alerts say, whichever data they say it of."""
    rules = [rule for group in groups for rule in group.rules if not rule.recording]
    texts = [f"{rule.expr} {rule.hold_for} {rule.keep_firing_for} {rule.labels}" for rule in rules]
    return {re.sub(r"\bw\d+_", "@", text) for text in texts}
