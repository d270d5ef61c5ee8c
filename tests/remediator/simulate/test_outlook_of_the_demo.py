"""The shipped demo in whatif: each of its hosts would be acted on, or says by what it would be held."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from remediator.actions import ACTIONS
from remediator.api.explaining.remedies import what_would_help
from remediator.engine.whatif import Fate
from remediator.model.evidence import Gate
from remediator.model.fleet import Fleet
from remediator.model.host import Capacity, Life
from remediator.policy.load import load_policy
from remediator.settings import InventoryHost
from remediator.simulate.outlook import fates, fleet_of_inventory
from scripts.story.layout import SITES
from tests.remediator.builders import NOON

RULES = load_policy(Path(__file__).parents[3] / "rules", ACTIONS)
DEMO = fleet_of_inventory([InventoryHost(site.name, site.region, site.rack) for site in SITES], NOON)
Befalls = Callable[[Fleet], Fleet]


def outlook(fleet: Fleet) -> list[Fate]:
    return fates(RULES, ACTIONS, "host_dead", fleet, NOON)


def with_hosts(fleet: Fleet, **more: object) -> Fleet:
    return replace(fleet, hosts={name: replace(host, **more) for name, host in fleet.hosts.items()})  # type: ignore[arg-type]


def test_every_host_of_the_demo_would_be_acted_on_or_says_why_not() -> None:
    found = outlook(DEMO)
    assert [fate.host for fate in found] == [site.name for site in SITES]
    assert [fate.host for fate in found if not fate.can_act and not (fate.blocker and fate.text)] == []
    # Whoever has others in its region is acted on; the lone one of its region has nowhere to go, and says so.
    alone = {site.name for site in SITES if sum(each.region == site.region for each in SITES) == 1}
    assert {fate.host for fate in found if not fate.can_act} == alone
    assert {fate.blocker for fate in found if not fate.can_act} == {"NoRoom"}


@pytest.mark.parametrize(
    ("blocker", "befalls"),
    [
        ("Frozen", lambda fleet: replace(fleet, frozen="a drill")),
        ("GateClosed", lambda fleet: replace(fleet, gate=Gate(open=False, reason="store out", since=NOON))),
        ("Maintenance", lambda fleet: with_hosts(fleet, maintenance_until=NOON + timedelta(hours=1))),
        ("NotJoined", lambda fleet: with_hosts(fleet, joined=False)),
        ("Retired", lambda fleet: with_hosts(fleet, life=Life.RETIRED)),
        ("NoRoom", lambda fleet: with_hosts(fleet, capacity=Capacity())),
        ("SelfFenced", lambda fleet: replace(fleet, doubts={"ClockJumped": "the clock was stepped"})),
        ("TooFewVantages", lambda fleet: replace(fleet, sightings={})),
    ],
)
def test_whatever_befalls_the_demo_each_host_names_its_blocker_and_what_would_help(
    blocker: str, befalls: Befalls
) -> None:
    found = outlook(befalls(DEMO))
    assert {fate.blocker for fate in found} == {blocker}
    assert all(fate.text for fate in found)
    assert what_would_help(blocker, "x") != "that this is no longer so: x"
