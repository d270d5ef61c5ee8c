"""whatif: each host as if it died now, and what would hold its remedy."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from remediator.actions import ACTIONS
from remediator.engine.evidence.lives import LifeTimes
from remediator.engine.evidence.vantages import Vantage, assigned
from remediator.engine.whatif import Assumptions, Fate, fate, stage, whatif
from remediator.model.evidence import Gate, Outcome, Sighting, VerdictKind, Vote
from remediator.model.fleet import Fleet
from remediator.model.host import Capacity, Host, Life
from remediator.model.policy import Budget, Mode, Playbook, Share
from tests.remediator.builders import CLOSED, NOON, SECOND, dead, fleet, host, machine, playbook, policy, remediation

VANTAGES = [Vantage(f"p-{rack}", "arn", rack) for rack in ("r1", "r2", "r3")]
RACKS = ("r1", "r2", "r3")
HOSTS = tuple(host(f"h{number}", RACKS[number % 3]) for number in range(1, 7))


def assumptions(book: Playbook | None = None) -> Assumptions:
    return Assumptions(policy(book or playbook()), ACTIONS, "host_dead", LifeTimes())


def watched(*things: Any, vantages: list[Vantage] = VANTAGES, **more: Any) -> Fleet:
    """A fleet whose joined hosts are all seen well by their assigned vantages."""
    hosts = [thing for thing in things if isinstance(thing, Host)]
    seats = assigned(hosts, vantages)
    seen = [
        Sighting(h.name, tuple(Vote(v.name, v.region, v.rack, Outcome.OK, NOON) for v in seats[h.name]), NOON, True)
        for h in hosts
    ]
    return fleet(*things, *seen, **more)


def told(known: Fleet, name: str = "h1", book: Playbook | None = None) -> Fate:
    return fate(assumptions(book), stage(known), name, NOON)


def test_a_watched_host_would_be_acted_on_as_soon_as_it_is_dead() -> None:
    found = told(watched(*HOSTS, machine()))
    assert (found.can_act, found.seconds, found.action) == (True, 3.0, "recreate")


def test_all_steps_of_that_moment_are_told_in_their_order() -> None:
    assert told(watched(*HOSTS, machine())).text == "mark_host_dead, recreate"


def test_settling_is_waited_for_and_is_no_blocker() -> None:
    found = told(watched(*HOSTS, machine()), book=playbook(settle=7 * SECOND))
    assert (found.can_act, found.seconds) == (True, 7.0)


def test_a_host_without_machines_is_at_least_marked() -> None:
    found = told(watched(*HOSTS))
    assert (found.can_act, found.action) == (True, "mark_host_dead")


@pytest.mark.parametrize(
    ("blocker", "changed"),
    [
        ("GateClosed", {"gate": CLOSED}),
        ("Frozen", {"frozen": "a drill"}),
        ("Maintenance", {"hosts": {"h1": {"maintenance_until": NOON + timedelta(hours=1)}}}),
        ("NoRoom", {"hosts": {h.name: {"capacity": Capacity()} for h in HOSTS}}),
        ("NotJoined", {"hosts": {"h1": {"joined": False}}}),
        ("Retired", {"hosts": {"h1": {"life": Life.RETIRED}}}),
    ],
)
def test_what_holds_now_is_named(blocker: str, changed: dict[str, Any]) -> None:
    hosts = {**changed}.pop("hosts", {})
    rest = {name: value for name, value in changed.items() if name != "hosts"}
    found = told(watched(*(replace(h, **hosts.get(h.name, {})) for h in HOSTS), machine(), **rest))
    assert (found.can_act, found.blocker) == (False, blocker)
    assert found.text


@pytest.mark.parametrize(
    ("blocker", "racks"), [("TooFewVantages", ("r2",)), ("QuorumTooSmall", ("r2", "r2")), ("TooFewVantages", ())]
)
def test_too_few_probers_never_suffice(blocker: str, racks: tuple[str, ...]) -> None:
    vantages = [Vantage(f"p{number}", "arn", rack) for number, rack in enumerate(racks)]
    # One vantage sits in the host's own rack, so only one is outside it.
    vantages = [replace(vantages[0], rack="r1"), *vantages[1:]] if len(vantages) > 1 else vantages
    found = told(watched(host("h1", "r1"), *HOSTS[1:], machine(), vantages=vantages))
    assert (found.blocker, found.lasting) == (blocker, True)


@pytest.mark.parametrize(
    ("mode", "blocker"),
    [(Mode.DISABLED, "Disabled"), (Mode.SHADOW, "ModeShadow"), (Mode.APPROVE, "NeedsApproval")],
)
def test_the_mode_decides(mode: Mode, blocker: str) -> None:
    assert told(watched(*HOSTS, machine()), book=playbook(mode=mode)).blocker == blocker


def test_budgets_count_who_is_in_flight_and_who_fell_lately() -> None:
    others = (dead("d1", "r9"), dead("d2", "r8"))
    busy = [machine(f"x{n}", f"d{n}") for n in (1, 2)]
    begun = [remediation(f"d{n}", "mark_host_dead") for n in (1, 2)]
    found = told(watched(*HOSTS, *others, machine(), *busy, *begun), book=playbook(correlated=None))
    assert found.blocker == "BudgetInFlight"
    scarce = playbook(budgets=(Budget("fleet", newly_unhealthy=Share(0.1, 1)),), correlated=None)
    assert told(watched(*HOSTS, dead("d1", "r9"), machine()), book=scarce).blocker == "BudgetNewlyUnhealthy"


def test_a_host_that_is_lost_already_is_not_played() -> None:
    assert told(watched(*HOSTS[1:], dead()), "h1").blocker == "Lost"


def test_an_earlier_remediation_of_the_host_is_over_by_then() -> None:
    begun = remediation("h1", "mark_host_dead", "recreate")
    assert told(watched(*HOSTS, machine(), begun)).action == "recreate"


def test_every_host_has_a_fate_and_nothing_is_changed_by_looking() -> None:
    known = watched(*HOSTS, machine(), gate=Gate(open=True, reason="", since=NOON))
    found = list(whatif(assumptions(), stage(known), NOON))
    assert [each.host for each in found] == sorted(known.hosts)
    assert found == list(whatif(assumptions(), stage(known), NOON))
    assert all(h.life is Life.HEALTHY and not h.cordoned for h in known.hosts.values())
    assert VerdictKind.DEAD not in {verdict.kind for verdict in known.verdicts.values()}


def test_no_playbook_is_said() -> None:
    without = Assumptions(policy(playbook("other")), ACTIONS, "host_dead", LifeTimes())
    assert fate(without, stage(watched(*HOSTS)), "h1", NOON).blocker == "NoPlaybook"
