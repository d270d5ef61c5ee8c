"""Fleets for whatif from what is public, and the difference that an edit of the rules makes."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from remediator.actions import ACTIONS
from remediator.engine.whatif import Fate
from remediator.model.policy import Mode, Policy
from remediator.policy.load import load_policy
from remediator.settings import InventoryHost
from remediator.simulate.outlook import changes, fates, fleet_of_inventory, fleet_of_state
from tests.remediator.builders import NOON

RULES = load_policy(Path(__file__).parents[3] / "rules", ACTIONS)
INVENTORY = [InventoryHost(f"h{number}", "arn", f"r{number % 3}") for number in range(6)]


def outlook(policy: Policy = RULES, inventory: list[InventoryHost] = INVENTORY) -> list[Fate]:
    return fates(policy, ACTIONS, "host_dead", fleet_of_inventory(inventory, NOON), NOON)


def changed(**more: Any) -> Policy:
    book = replace(RULES.playbooks["host_dead"], **more)
    return replace(RULES, playbooks={**RULES.playbooks, "host_dead": book})


def test_an_inventory_in_three_racks_can_be_acted_on() -> None:
    assert {(each.can_act, each.action) for each in outlook()} == {(True, "recreate")}


def test_racks_that_can_never_give_a_quorum_are_found_before_anything_runs() -> None:
    two_racks = [InventoryHost(f"h{number}", "arn", f"r{number % 2}") for number in range(4)]
    assert {(each.blocker, each.lasting) for each in outlook(inventory=two_racks)} == {("QuorumTooSmall", True)}


def test_the_same_rules_change_nothing() -> None:
    assert changes(outlook(), outlook()) == []


def test_an_edit_is_told_host_by_host() -> None:
    found = changes(outlook(), outlook(changed(mode=Mode.SHADOW)))
    assert [each.host for each in found] == [each.name for each in INVENTORY]
    assert {(each.before.blocker, each.after.blocker) for each in found} == {("", "ModeShadow")}
    slower = changes(outlook(), outlook(changed(settle=timedelta(seconds=10))))
    assert {each.after.seconds for each in slower} == {10.0}


def test_when_a_hold_begins_is_no_change() -> None:
    held = [Fate("h1", "arn", "r1", 3.0, "recreate", "NoRoom", "full")]
    assert changes(held, [replace(held[0], seconds=9.0)]) == []
    assert len(changes(held, [replace(held[0], blocker="")])) == 1


def test_a_running_fleet_is_rebuilt_from_what_it_publishes() -> None:
    row = {
        "region": "arn", "role": "worker", "provider": "", "status": "ok", "life": "healthy", "version": "1",
        "capacity": {"cpus": 8, "memory_mb": 8192, "disk_mb": 100},
    }  # fmt: skip
    state = {
        "hosts": [{"name": f"h{number}", "rack": f"r{number}", **row} for number in range(3)],
        "machines": [{"id": "m1", "app": "web", "host": "h0", "region": "arn", "state": "started"}],
    }
    hosts = [{"name": f"h{number}", "since": "2026-08-01T10:00:00Z", "joined": True} for number in range(3)]
    hosts[1]["maintenance_until"] = "2026-08-01T13:00:00Z"
    status = {"hosts": hosts, "gate": {"open": True, "reason": ""}, "frozen": ""}
    probers = [{"labels": {"vantage": f"p{n}", "vantage_region": "arn", "vantage_rack": f"r{n}"}} for n in range(3)]
    fleet = fleet_of_state(state, status, probers, NOON)
    found = {each.host: each.blocker for each in fates(RULES, ACTIONS, "host_dead", fleet, NOON)}
    assert found == {"h0": "", "h1": "Maintenance", "h2": ""}
    closed = fleet_of_state(state, {**status, "gate": {"open": False, "reason": "slow"}}, probers, NOON)
    assert fates(RULES, ACTIONS, "host_dead", closed, NOON)[0].blocker == "GateClosed"
