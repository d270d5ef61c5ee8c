"""Each guard is good for something: without it, a scenario of the shipped rules ends otherwise than it must."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from remediator.actions import ACTIONS
from remediator.engine.guards import table as guards
from remediator.engine.guards.guard import AnyGuard, name_of
from remediator.policy.load import load_policy
from remediator.simulate.scenarios.run import run
from remediator.simulate.scenarios.scenario import Scenario, read_file, read_scenarios

pytestmark = pytest.mark.slow

RULES = Path(__file__).parents[3] / "rules"
POLICY = load_policy(RULES, ACTIONS)
SCENARIOS = {each.name: each for each in read_scenarios(RULES, POLICY, ACTIONS)}
LISTED: list[AnyGuard] = [guard for many in (guards.BEFORE_ANY, *guards.BY_KIND.values()) for guard in many]
# The scenario that fails without the guard.
NEEDED = {
    "frozen": "frozen, nothing is done, and thawed it is",
    "operator_hold": "a person's hold wins over the rule for as long as it says",
    "maintenance": "a host in maintenance is nobody's business",
    "evidence": "probers in one rack only are no quorum",
    "correlated": "a whole rack falls at once and is one incident",
    "backlog": "many dead at once just after a start are a backlog, and wait",
    "budgets": "no more hosts in flight in a region than the budget allows",
    "self_fencing": "who distrusts itself changes nothing, and goes on once it trusts itself again",
    "flapping": "a host that came and went is left standing, and its work is placed elsewhere all the same",
    "destructive_witnesses": "silence without proof; the work is placed elsewhere, condemning waits for patience and"
    " a second witness",
    "gate": "with the gate closed and no proof, a person is asked before anything is placed",
    "cooldown": "what was told in vain is not told again at once",
    "effectiveness": "a playbook that has helped nobody asks before it changes anything",
    "durability": "where what was acknowledged can be lost, what destroys asks a person first",
    "mode": "in shadow it only says what it would do",
}


# Those that ask for a reason which only that guard gives.
REASONS = {"capacity": "NoCapacity", "survivors": "SurvivorInDoubt"}
SLOW = """
playbook: host_dead
scenarios:
  - name: it settles for as long as its playbook says
    machines: {h1: [web-1]}
    events: [{at: 5s, silent: h1}]
    expect:
      - {at: 8s, hold: mark_host_dead, target: h1, reason: Settling}
      - {at: 11s, act: mark_host_dead, target: h1}
"""


def needed(name: str) -> Scenario:
    if name in NEEDED:
        return SCENARIOS[NEEDED[name]]
    reason = REASONS[name]
    return next(s for s in SCENARIOS.values() if any(each.reason == reason for each in s.fields.expect))


@pytest.mark.parametrize("name", sorted({name_of(guard) for guard in LISTED} - {"continuity"}))
def test_without_the_guard_a_scenario_fails(name: str) -> None:
    scenario = needed(name)
    assert run(scenario, POLICY, ACTIONS, "host_dead").failures == ()
    assert run(scenario, POLICY, ACTIONS, "host_dead", guards.ALL.without(name)).failures != ()


def test_without_continuity_a_scenario_fails(tmp_path: Path) -> None:
    """With the shipped spans dead evidence is always old enough; a playbook may ask for more."""
    file = tmp_path / "slow.yml"
    file.write_text(SLOW)
    slow = replace(POLICY.playbooks["host_dead"], settle=timedelta(seconds=6))
    policy = replace(POLICY, playbooks={**POLICY.playbooks, "host_dead": slow})
    (scenario,) = read_file(file, policy, ACTIONS)
    assert run(scenario, policy, ACTIONS, "host_dead").failures == ()
    assert run(scenario, policy, ACTIONS, "host_dead", guards.ALL.without("continuity")).failures != ()


def test_only_what_is_named_is_left_out() -> None:
    left = guards.ALL.without("flapping")
    kept = [name_of(guard) for many in (left.before, *left.by_kind.values()) for guard in many]
    assert sorted([*kept, "flapping"]) == sorted(name_of(guard) for guard in LISTED)
