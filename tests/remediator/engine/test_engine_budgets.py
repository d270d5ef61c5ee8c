"""Budgets: nested, reserved at once, with the worse bound of what is unknown, and never exceeded."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remediator.actions import ACTIONS
from remediator.actions.effects import Recreate
from remediator.engine.decide import Verdicts, decide
from remediator.engine.guards import table as guards
from remediator.engine.index import Index, apps_on, busy
from remediator.model.decision import DecisionOutcome
from remediator.model.fleet import Fleet
from remediator.model.host import Capacity, Host, HostStatus
from remediator.model.incident import Incident, IncidentStage
from remediator.model.machine import Recovery
from remediator.model.people import Release
from remediator.model.policy import Budget, Share
from tests.remediator.builders import (
    NOON,
    SECOND,
    case,
    dead,
    fleet,
    host,
    machine,
    playbook,
    policy,
    remediation,
    verdict,
)

HOUR = timedelta(hours=1)
NESTED = (
    Budget("fleet", max_in_flight=Share(0.0, 3), rate=Share(0.0, 8)),
    Budget("region", max_in_flight=Share(0.0, 2), rate=Share(0.0, 6)),
    Budget("rack", max_in_flight=Share(0.0, 1), rate=Share(0.0, 4)),
    Budget("app", max_in_flight=Share(0.0, 1), rate=Share(0.0, 4)),
)
BOOK = playbook(budgets=NESTED, correlated=None)


def word(known: Fleet, *budgets: Budget, target: str = "h1") -> str:
    hold = guards.budgets(case(known, target, playbook(budgets=budgets)))
    return f"{hold.reason}: {hold.text}" if hold else ""


def test_an_app_counts_who_runs_it_and_nobody_else() -> None:
    one = Budget("app", max_in_flight=Share(0.0, 1))
    mine = machine("m1"), machine("m9", app="db")
    homes = dead("h1"), dead("h2"), *mine, remediation("h2", "recreate")
    assert word(fleet(*homes, machine("m2", on="h2", app="mail")), one) == ""
    told = word(fleet(*homes, machine("m2", on="h2", app="db")), one)
    assert told == "BudgetInFlight: 1 of 1 allowed in this app db"
    # A share of an app is one of the hosts that run it.
    half = Budget("app", max_in_flight=Share(0.5, 1))
    others = [host(f"x{n}") for n in range(3)]
    spread = [machine(f"y{n}", on=f"x{n}", app="db") for n in range(3)]
    lost = machine("m2", on="h2", app="db")
    assert word(fleet(*homes, lost, *others, *spread), half) == ""
    assert word(fleet(*homes, lost, *others, *spread[:1]), half) == told


def test_of_several_shards_each_acts_on_an_app_within_what_it_was_given() -> None:
    one, known = Budget("app", max_in_flight=Share(0.0, 1)), fleet(dead("h1"), machine("m1"))
    part = "as far as its part was given to this shard"
    assert word(replace(known, shares={}), one) == f"BudgetInFlight: 0 of 0 allowed in this app web, {part}"
    assert word(replace(known, shares={"host_dead InFlight 0/1 of app web": 1}), one) == ""
    # Whoever only imagines that a host is lost reckons with the whole.
    imagined = case(replace(known, shares={}), "h1", playbook(budgets=(one,)))
    index = Index(imagined.fleet, NOON).given(dead("h1"), NOON)
    assert guards.budgets(replace(imagined, index=index)) is None


def test_a_host_without_machines_has_no_app_to_wait_for() -> None:
    assert word(fleet(dead("h1")), Budget("app", max_in_flight=Share(0.0, 0))) == ""


def test_each_scope_binds_by_itself() -> None:
    busy_one = remediation("h2", "recreate")
    lost = machine("m2", on="h2", app="mail")
    for scope, rack, region, holds in (
        ("rack", "r1", "arn", True), ("rack", "r2", "arn", False), ("rack", "r1", "fra", False),
        ("region", "r2", "arn", True), ("region", "r2", "fra", False), ("fleet", "r2", "fra", True),
    ):  # fmt: skip
        known = fleet(dead("h1"), dead("h2", rack, region=region), lost, busy_one)
        assert bool(word(known, Budget(scope, max_in_flight=Share(0.0, 1)))) is holds, (scope, rack, region)


@pytest.mark.parametrize("budget", [Budget("fleet", newly_unhealthy=Share(0.0, 1)), BOOK.budgets[0]])
def test_hosts_of_incidents_are_in_no_other_budget(budget: Budget) -> None:
    gone = [dead(f"h{n}") for n in (2, 3, 4, 5)]
    held = Incident("i", "rack", "r1", NOON, tuple(each.name for each in gone))
    begun = [remediation(each.name, "recreate") for each in gone]
    lost = [machine(f"m{each.name}", on=each.name) for each in gone]
    assert word(fleet(dead("h1"), *gone, *begun, *lost), budget) != ""
    assert word(fleet(dead("h1"), *gone, *begun, *lost, held), budget) == ""


def test_what_was_begun_before_an_incident_stays_in_the_rate() -> None:
    """Else a rack that falls takes the hour's earlier acts on its hosts along, and more are done than may be."""
    hourly = Budget("fleet", rate=Share(0.0, 2))
    begun = [remediation(name, "recreate", ago=60) for name in ("h2", "h3")]
    known = fleet(dead("h1"), dead("h2"), dead("h3"), *begun)
    held = Incident("i", "rack", "r1", NOON - 30 * SECOND, ("h2", "h3", "h4"))
    full = "BudgetRate: 2 of 2 allowed in this fleet"
    assert word(known, hourly) == full
    assert word(replace(known, incidents={held.id: held}), hourly) == full
    # What was begun while it stood is the incident's own affair.
    since = replace(held, opened_at=NOON - 90 * SECOND)
    assert word(replace(known, incidents={since.id: since}), hourly) == ""


def test_a_death_that_an_incident_explained_stays_out_of_budgets_when_it_is_over() -> None:
    """Else a rack that was back at once keeps every single death waiting for an hour."""
    newly = Budget("fleet", newly_unhealthy=Share(0.0, 1))
    back = [host(f"h{n}", died_at=NOON - 120 * SECOND) for n in (2, 3, 4)]
    over = Incident("i", "rack", "r1", NOON - 120 * SECOND, ("h2", "h3", "h4"), IncidentStage.CLOSED, NOON - SECOND)
    assert word(fleet(dead("h1"), *back), newly) != ""
    assert word(fleet(dead("h1"), *back, over), newly) == ""
    left = replace(over, stage=IncidentStage.RELEASED, hosts=(), returned=dict.fromkeys(over.hosts, NOON - SECOND))
    assert word(fleet(dead("h1"), *back, left), newly) == ""
    # Who died again since is another matter.
    again = replace(back[0], died_at=NOON)
    assert word(fleet(dead("h1"), again, *back[1:], over), newly) != ""


def test_hosts_of_incidents_are_in_no_denominator() -> None:
    tenth = Budget("fleet", max_in_flight=Share(0.1))
    crowd = [host(f"x{n}", "r9") for n in range(19)]
    held = Incident("i", "rack", "r9", NOON, tuple(each.name for each in crowd[:11]))
    assert word(fleet(dead("h1"), *crowd), tenth) == ""
    assert word(fleet(dead("h1"), *crowd, held), tenth) == "BudgetInFlight: 0 of 0 allowed in this fleet"


def unknown(name: str, ago: float = 60) -> Host:
    return host(name, "r1", status=HostStatus.UNKNOWN, status_since=NOON - ago * SECOND)


def test_the_unknown_are_at_worst_lost_and_never_part_of_the_whole() -> None:
    newly = Budget("fleet", newly_unhealthy=Share(0.0, 2))
    two = [unknown(f"x{n}") for n in (1, 2)]
    assert word(fleet(dead("h1"), *two), newly) == (
        "BudgetNewlyUnhealthy: 2 of 2 allowed in this fleet, 2 of them unknown"
    )
    # Who has been so for long is no news.
    assert word(fleet(dead("h1"), *(unknown(f"x{n}", ago=4000) for n in (1, 2))), newly) == ""
    tenth = Budget("fleet", max_in_flight=Share(0.1))
    assert word(fleet(dead("h1"), *(host(f"y{n}") for n in range(8)), *two), tenth) != ""


@given(
    st.lists(st.sampled_from(["well", "dead", "unknown"]), max_size=12),
    st.floats(0, 1),
    st.integers(0, 4),
    st.sampled_from(["fleet", "region", "rack"]),
)
def test_what_passes_with_the_unknown_passes_whatever_they_are(
    kinds: list[str], share: float, floor: int, scope: str
) -> None:
    """Invariant 13: both bounds are computed, and the worse one is used."""
    budget = Budget(scope, newly_unhealthy=Share(share, floor), max_in_flight=Share(share, floor))

    def passes(unclear: str) -> bool:
        made: dict[str, Callable[[str], Host]] = {"well": host, "dead": dead, "unknown": unknown}
        hosts = [made[unclear if kind == "unknown" else kind](f"x{n}") for n, kind in enumerate(kinds)]
        return word(fleet(dead("h1"), *hosts), budget) == ""

    assert not passes("unknown") or (passes("well") and passes("dead"))


LET_GO = Release("r", ("h1",), "anna", "I was there", NOON, NOON + HOUR)


def test_a_persons_release_replaces_ratio_and_rate_and_never_capacity() -> None:
    busy_one = remediation("h2", "recreate")
    known = fleet(dead("h1"), dead("h2"), machine("m2", on="h2"), busy_one)
    let_go = replace(known, releases={"r": LET_GO})
    rate, newly = Budget("fleet", rate=Share(0.0, 1)), Budget("fleet", newly_unhealthy=Share(0.0, 1))
    flight = Budget("fleet", max_in_flight=Share(0.0, 1))
    assert "BudgetRate" in word(known, rate)
    assert "BudgetNewlyUnhealthy" in word(known, newly)
    assert word(let_go, rate, newly) == ""
    assert "BudgetInFlight" in word(let_go, rate, newly, flight)
    # It names hosts, and ends.
    assert word(replace(known, releases={"r": replace(LET_GO, hosts=("h2",))}), rate) != ""
    assert word(replace(known, releases={"r": replace(LET_GO, until=NOON)}), rate) != ""


RACKS, APPS = ("r1", "r2", "r3"), ("web", "db", "mail")
places = st.tuples(st.sampled_from(["arn", "fra"]), st.sampled_from(RACKS), st.sampled_from(APPS))


def site(drawn: list[tuple[str, str, str]], **more: Any) -> Fleet:
    hosts = [host(f"h{n}", rack, region=region, **more) for n, (region, rack, _) in enumerate(drawn)]
    each = [machine(f"m{n}", on=f"h{n}", app=app, region=region) for n, (region, _, app) in enumerate(drawn)]
    spare = [host(f"s{region}{n}", f"s{n}", region=region) for region in ("arn", "fra") for n in range(4)]
    return fleet(*hosts, *each, *spare)


def with_dead(known: Fleet, names: set[str], at: datetime) -> Fleet:
    """Those hosts have died four seconds before, and everybody agrees."""
    lost = {name: replace(dead(name), rack=known.hosts[name].rack, region=known.hosts[name].region) for name in names}
    moved = {name: replace(each, since=at - 4 * SECOND, died_at=at - 4 * SECOND) for name, each in lost.items()}
    fresh = {
        name: replace(verdict(name), newest=at, suspect_since=at - 8 * SECOND, since=at - 4 * SECOND)
        for name in {*names, *(n for n, h in known.hosts.items() if h.died_at)}
    }
    return replace(known, hosts={**known.hosts, **moved}, verdicts={**known.verdicts, **fresh})


def written(known: Fleet, verdicts: Verdicts) -> Fleet:
    """As the journal leaves it: remediations, and machines on their way."""
    wishes = [e for _, effects in verdicts.decisions for e in effects if isinstance(e, Recreate)]
    moving = {w.machine: replace(known.machines[w.machine], recovery=Recovery.PLACED) for w in wishes}
    begun = {**known.remediations, **{each.key: each for each in verdicts.remediations}}
    return replace(known, remediations=begun, machines={**known.machines, **moving})


def finished(known: Fleet, count: int) -> Fleet:
    """The first so many machines under way serve elsewhere now."""
    under_way = sorted(m.id for m in known.machines.values() if m.recovery is Recovery.PLACED)[:count]
    served = {name: replace(known.machines[name], recovery=Recovery.SERVING) for name in under_way}
    return replace(known, machines={**known.machines, **served})


def places_of(known: Fleet, target: str) -> list[tuple[str, str]]:
    home = known.hosts[target]
    apps = [("app", app) for app in apps_on(known, target)]
    return [("fleet", ""), ("region", home.region), ("rack", f"{home.region}/{home.rack}"), *apps]


def assert_within(known: Fleet, now: datetime) -> None:
    """Counted anew and plainly, not by the index."""
    mine = [r for r in known.remediations.values() if r.steps]
    flying = Counter(p for r in mine if busy(known, r) for p in places_of(known, r.target))
    begun = Counter(p for r in mine if now - r.opened_at <= HOUR for p in places_of(known, r.target))
    for budget in NESTED:
        for (scope, _), count in flying.items():
            assert scope != budget.scope or (budget.max_in_flight and count <= budget.max_in_flight.of(0))
        for (scope, _), count in begun.items():
            assert scope != budget.scope or (budget.rate and count <= budget.rate.of(0))


moves = st.lists(st.tuples(st.sets(st.integers(0, 11), max_size=5), st.integers(0, 3)), min_size=1, max_size=6)


@settings(max_examples=40)
@given(st.lists(places, min_size=12, max_size=12), moves)
def test_no_budget_is_exceeded_at_any_instant(
    drawn: list[tuple[str, str, str]], events: list[tuple[set[int], int]]
) -> None:
    """Invariant 3: in the fleet, the region, the rack and each app at once; all that survives a tick are rows."""
    known, now = site(drawn), NOON
    for dying, done in events:
        names = {f"h{n}" for n in dying} - {n for n, h in known.hosts.items() if h.died_at}
        known = with_dead(known, names, now)
        known = written(known, decide(policy(BOOK), ACTIONS, "host_dead", known, now))
        assert_within(known, now)
        known, now = finished(known, done), now + timedelta(minutes=1)


def acted(verdicts: Verdicts) -> set[str]:
    return {d.target for d, effects in verdicts.decisions if d.outcome is DecisionOutcome.ACT and effects}


@settings(max_examples=60)
@given(st.sets(st.integers(0, 11), min_size=1), st.sets(st.integers(0, 11)), st.integers(1, 4))
def test_more_failures_than_the_budget_never_raise_the_rate_of_acts(
    few: set[int], more: set[int], allowed: int
) -> None:
    """Invariant 12: short of proof for the group, whoever fails besides lowers the rate, or leaves it."""
    scarce = Budget("region", newly_unhealthy=Share(0.0, allowed), max_in_flight=Share(0.0, allowed))
    used = policy(playbook(budgets=(scarce,), correlated=None))
    known = site([("arn", RACKS[n % 3], "web") for n in range(12)])

    def acts(names: set[int]) -> int:
        return len(acted(decide(used, ACTIONS, "host_dead", with_dead(known, {f"h{n}" for n in names}, NOON), NOON)))

    assert acts(few | more) <= max(acts(few), allowed)
    if len(few | more) > allowed:
        assert acts(few | more) == 0


@settings(max_examples=40)
@given(st.lists(st.integers(1, 12), min_size=1, max_size=6), st.integers(1, 12), st.integers(1, 5))
def test_reservations_never_exceed_free_capacity(sizes: list[int], room: int, takers: int) -> None:
    """Invariant 15: whatever one decide gives out fits, host by host, beside all else that it gives out."""
    gone = [dead(f"h{n}", f"r{n}") for n in range(3)]
    lost = [
        machine(f"m{n}-{k}", on=f"h{n}", config={"guest": {"cpus": 1, "memory_mb": 100 * size}})
        for n in range(3)
        for k, size in enumerate(sizes)
    ]
    spare = [host(f"s{n}", f"s{n}", capacity=Capacity(64, 100 * room, 10_000)) for n in range(takers)]
    known = with_dead(fleet(*gone, *lost, *spare), {"h0", "h1", "h2"}, NOON)
    free = policy(playbook(budgets=(), correlated=None))
    found = decide(free, ACTIONS, "host_dead", known, NOON)
    taken: Counter[str] = Counter()
    for wish in (e for _, effects in found.decisions for e in effects if isinstance(e, Recreate)):
        taken[wish.target] += known.machines[wish.machine].asks.memory_mb
    assert all(count <= 100 * room for count in taken.values())
    # Nothing is left out that would have fitted an empty host.
    left = [known.machines[wish.machine].asks.memory_mb for wish in found.unplaced]
    assert all(any(size > 100 * room - taken[s.name] for s in spare) for size in left)


def test_a_slot_is_taken_in_every_scope_in_one_step() -> None:
    """Two ask in one tick: the second sees the first in its region, rack and app alike."""
    drawn = [("arn", "r1", "web"), ("arn", "r2", "web"), ("arn", "r3", "db")]
    known = with_dead(site(drawn), {"h0", "h1", "h2"}, NOON)
    found = decide(policy(BOOK), ACTIONS, "host_dead", known, NOON)
    assert acted(found) == {"h0", "h2"}
    (held,) = [d for d, _ in found.decisions if d.target == "h1"]
    assert held.text == "1 of 1 allowed in this app web"
    assert {remediation.target for remediation in found.remediations} == {"h0", "h2"}
