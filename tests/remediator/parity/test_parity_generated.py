"""Hundreds of generated rules: promtool, which is Prometheus' own evaluation, agrees with ours at every slot.

promtool only says whether it agrees, so our own timeline is what it is asked to confirm: who is pending and firing
(``ALERTS``), since when (``ALERTS_FOR_STATE``), and the texts of all that fire. Our evaluation asks a real Prometheus
that holds the same data.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from remediator.model.alert import Alert, AlertState, Group, Rule
from tests.remediator.parity.generated import SLOTS, STEP, World, worlds
from tests.remediator.parity.peers import Series, promtool_says, write
from tests.remediator.parity.timeline import START, Moment, timeline

pytestmark = [pytest.mark.store, pytest.mark.slow]

STEP_SECONDS = round(STEP.total_seconds())
ROUNDS = count()
SEEN: set[str] = set()


@settings(max_examples=12, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(several=st.lists(worlds, min_size=5, max_size=5))
def test_promtool_agrees(written_prometheus: str, tmp_path: Path, several: list[World]) -> None:
    def refused(some: list[World]) -> str:
        return disagreement(written_prometheus, tmp_path, some)

    if refused(several):
        least = shrunk(several, refused)
        pytest.fail(f"{refused(least)}\n{least}")
    SEEN.update(
        f"{rule.expr} {rule.hold_for} {rule.keep_firing_for} {rule.labels}" for w in several for rule in w.rules
    )


def test_they_were_at_least_two_hundred_rules() -> None:
    assert len(SEEN) >= 200


def disagreement(store: str, folder: Path, several: list[World]) -> str:
    """What promtool holds against our timeline of these worlds."""
    number = next(ROUNDS)
    named = [(f"w{number}g{place}", world) for place, world in enumerate(several)]
    groups = [world.group(name) for name, world in named]
    data = [series for name, world in named for series in world.data(name)]
    write(store, data, STEP_SECONDS, round(START.timestamp()))
    moments = [moment for group in groups for moment in timeline(store, group, SLOTS)]
    errors = {moment.error for moment in moments if moment.error}
    return "\n".join(errors) or promtool_says(unit_tests(folder, groups, data, moments))


def shrunk(several: list[World], refused: Callable[[list[World]], str]) -> list[World]:
    """One world that fails alone, with no rule and no series that it does not take to fail.

    Hypothesis would find it too, in minutes: it does not know that the worlds are strangers to each other.
    """
    world = next((world for world in several if refused([world])), None)
    if world is None:
        return several
    for rule in world.rules:
        less = replace(world, rules=tuple(other for other in world.rules if other is not rule))
        world = less if refused([less]) else world
    for series in world.series:
        less = replace(world, series=tuple(other for other in world.series if other is not series))
        world = less if refused([less]) else world
    return [world]


def unit_tests(folder: Path, groups: list[Group], data: list[Series], moments: list[Moment]) -> Path:
    """Our timeline as a file of promtool's unit tests."""
    alerting = [moment for moment in moments if not moment.rule.recording]
    rules = [
        {"name": group.name, "interval": f"{STEP_SECONDS}s", "rules": [rule_text(rule) for rule in group.rules]}
        for group in groups
    ]
    test = {
        "interval": f"{STEP_SECONDS}s",
        "input_series": [{"series": series.name, "values": series.notation} for series in data],
        "alert_rule_test": [texts(moment) for moment in alerting],
        "promql_expr_test": [states(moment, name) for moment in alerting for name in ("ALERTS", "ALERTS_FOR_STATE")],
    }
    (folder / "rules.yml").write_text(json.dumps({"groups": rules}))
    path = folder / "test.yml"
    path.write_text(json.dumps({"rule_files": ["rules.yml"], "tests": [test]}))
    return path


def rule_text(rule: Rule) -> dict[str, object]:
    if rule.recording:
        return {"record": rule.name, "expr": rule.expr, "labels": rule.labels}
    return {
        "alert": rule.name,
        "expr": rule.expr,
        "for": f"{round(rule.hold_for.total_seconds())}s",
        "keep_firing_for": f"{round(rule.keep_firing_for.total_seconds())}s",
        "labels": rule.labels,
        "annotations": rule.annotations,
    }


def texts(moment: Moment) -> dict[str, object]:
    firing = [alert for alert in moment.alerts if alert.state is AlertState.FIRING]
    expected = [
        {
            "exp_labels": {name: value for name, value in alert.labels.items() if name != "alertname"},
            "exp_annotations": dict(alert.annotations),
        }
        for alert in firing
    ]
    return {"alertname": moment.rule.name, "eval_time": eval_time(moment), "exp_alerts": expected}


def states(moment: Moment, name: str) -> dict[str, object]:
    # Where a label's template gives nothing, Prometheus 2.42 writes the template itself into ALERTS; we write none.
    expected = [
        sample(name, replace(alert, labels={**moment.rule.labels, **alert.labels})) for alert in moment.alerts
    ]
    expr = f'{name}{{alertname="{moment.rule.name}"}}'
    return {"expr": expr, "eval_time": eval_time(moment), "exp_samples": expected}


def sample(name: str, alert: Alert) -> dict[str, object]:
    if name == "ALERTS":
        return {"labels": series_name(name, {**alert.labels, "alertstate": str(alert.state)}), "value": 1}
    return {"labels": series_name(name, alert.labels), "value": (alert.active_at - START).total_seconds()}


def series_name(name: str, labels: dict[str, str]) -> str:
    return f"{name}{{{','.join(f'{label}={json.dumps(value)}' for label, value in labels.items())}}}"


def eval_time(moment: Moment) -> str:
    return f"{moment.slot * STEP_SECONDS}s"
