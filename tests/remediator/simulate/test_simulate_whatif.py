"""whatif against the world: what it foretells of a host is what is decided when that host falls silent."""

from pathlib import Path
from typing import Any

import pytest

from remediator.actions import ACTIONS
from remediator.engine.evidence.lives import LifeTimes
from remediator.engine.whatif import Assumptions, fate, stage
from remediator.model.decision import Decision, DecisionOutcome
from remediator.model.policy import Kind
from remediator.policy.load import load_policy
from remediator.simulate.scenarios.run import run
from remediator.simulate.scenarios.scenario import Scenario
from remediator.simulate.scenarios.schema import ScenarioFields
from remediator.simulate.scenarios.world import START, World

RULES = load_policy(Path(__file__).parents[3] / "rules", ACTIONS)
WEB = {"machines": {"h1": [{"name": "web-1"}, {"name": "web-2"}]}}
SETTINGS: list[dict[str, Any]] = [
    {},
    WEB,
    {"machines": {"h1": [{"name": "off", "state": "stopped"}]}},
    {"machines": {"h1": [{"name": "db-1", "volume": True}]}},
    {**WEB, "gate": "closed"},
    {**WEB, "frozen": "a drill"},
    {**WEB, "maintenance": {"h1": "1h"}},
    {**WEB, "full": ["h2", "h3", "h4", "h5", "h6"]},
    {**WEB, "full": ["h2", "h3", "h4", "h5"]},
    {**WEB, "cordoned": {f"h{number}": "by hand" for number in range(2, 7)}},
    {**WEB, "modes": {"host_dead": "shadow"}},
    {**WEB, "modes": {"host_dead": "approve"}},
    {**WEB, "vantages": {"arn": ["r1", "r2"]}},
    {**WEB, "vantages": {"arn": ["r2", "r3"]}},
]


def scenario(settings: dict[str, Any]) -> Scenario:
    """The default fleet with these settings, in which h1 falls silent at the very beginning."""
    silent = [{"at": "0s", "silent": "h1"}]
    fields = ScenarioFields.model_validate({"name": "x", "until": "10s", "events": silent, **settings})
    return Scenario("", 0, "host_dead", fields)


def foretold(settings: dict[str, Any]) -> tuple[str, float]:
    """The blocker, or nothing, and after how many seconds it is so."""
    world = World(scenario(settings), RULES, ACTIONS, "host_dead")
    fleet = world._fleet(world._judge(START), START)
    found = fate(Assumptions(world._policy, ACTIONS, "host_dead", LifeTimes()), stage(fleet), "h1", START)
    return found.blocker, found.seconds


def decided(settings: dict[str, Any]) -> tuple[str, float]:
    """The reason of the first hold that is no settling; nothing if something was done that changes the fleet."""
    told = run(scenario(settings), RULES, ACTIONS, "host_dead").told
    first = next(each.at for each in told if each.decision.reason != "Settling")
    then = [each.decision for each in told if each.at == first and each.decision.target == "h1"]
    held = [decision for decision in then if decision.outcome is not DecisionOutcome.ACT]
    return ("" if any(map(_touches, then)) or not held else held[0].reason), first.total_seconds()


def _touches(decision: Decision) -> bool:
    touching = ACTIONS[decision.action].kind in (Kind.ADDITIVE, Kind.DESTRUCTIVE)
    return touching and decision.outcome is DecisionOutcome.ACT


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda settings: " ".join(settings) or "healthy")
def test_what_is_foretold_is_what_comes(settings: dict[str, Any]) -> None:
    assert foretold(settings) == decided(settings)
