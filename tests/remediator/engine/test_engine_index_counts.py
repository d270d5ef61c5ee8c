"""What is counted once for what lies beneath, and adjusted for what was laid over it, equals what is counted anew."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from remediator.actions import ACTIONS
from remediator.engine.evidence.lives import LifeTimes
from remediator.engine.guards import table as guards
from remediator.engine.guards.scanned import place_of
from remediator.engine.index import FLEET, Index
from remediator.engine.whatif import Assumptions, fate, stage
from remediator.model.evidence import Outcome, Sighting, Vote
from remediator.model.fleet import Fleet
from remediator.model.host import Host, HostStatus, Life
from remediator.model.incident import Incident
from remediator.model.layered import Layered
from remediator.model.policy import Budget, Correlated, Share, Step
from remediator.model.request import Migration, MigrationStage
from tests.remediator.builders import NOON, OPEN, SECOND, case, dead, fleet, host, machine, playbook, policy

PLACES = st.sampled_from([("arn", "r1"), ("arn", "r2"), ("fra", "r1")])
CHANGES: list[dict[str, Any]] = [
    {},
    {"joined": False},
    {"life": Life.RETIRED},
    {"life": Life.DEAD, "died_at": NOON},
    {"status": HostStatus.UNKNOWN},
]


@st.composite
def hosts(draw: st.DrawFn, number: int) -> Host:
    region, rack = draw(PLACES)
    return replace(host(f"h{number}", rack, region=region), **draw(st.sampled_from(CHANGES)))


@settings(max_examples=60)
@given(st.data(), st.booleans())
def test_totals_of_a_layered_fleet_are_those_of_a_plain_one(data: st.DataObject, members: bool) -> None:
    beneath = {f"h{n}": data.draw(hosts(n)) for n in range(6)}
    over = {f"h{n}": data.draw(st.none() | hosts(n)) for n in data.draw(st.sets(st.integers(0, 8)))}
    layered = Layered(beneath).with_changes(over)
    incident = Incident("i1", "rack", "r1", NOON, ("h1", "h7"))
    now = {"incidents": {"i1": incident}} if data.draw(st.booleans()) else {}
    mine = Index(Fleet(hosts=layered, **now), NOON)  # type: ignore[arg-type]
    plain = Index(Fleet(hosts=dict(layered.items()), **now), NOON)  # type: ignore[arg-type]
    for scope, places in ((FLEET, [""]), ("region", ["arn", "fra"]), ("rack", ["arn/r1", "arn/r2", "fra/r1"])):
        for place in places:
            found = mine.total((scope, place), members=members)
            out = set() if members else {"h1", "h7"} if now else set()
            known = [each for each in layered.values() if each.joined and each.life is not Life.RETIRED]
            known = [each for each in known if each.status is not HostStatus.UNKNOWN and each.name not in out]
            assert found == plain.total((scope, place), members=members)
            assert found == sum(place_of(scope, each) == place for each in known)


def test_what_moves_is_counted_as_rows_change() -> None:
    move = Migration("g1", "m1", "web", "h1", "h2", NOON, "", MigrationStage.COPYING)
    known = fleet(host(), migrations=Layered({"g1": move}))
    assert (known.moving(), [each.id for each in known.moves_from("h1")]) == ((1, frozenset({"web"})), ["g1"])
    over = replace(known, migrations=Layered({"g1": move}).with_changes({"g1": replace(move, source="h9")}))
    assert (over.moving()[0], over.moves_from("h1")) == (1, [])
    ended = replace(known, migrations={"g1": replace(move, stage=MigrationStage.DONE)})
    assert ended.moving() == (0, frozenset())


def seen(known: Host) -> Sighting:
    seats = [Vote(f"p{n}", "arn", rack, Outcome.OK, NOON) for n, rack in enumerate((known.rack, "r8", "r9"))]
    return Sighting(known.name, tuple(seats), NOON, connected=True)


def test_whatif_tells_of_each_host_the_same_whoever_was_looked_at_before() -> None:
    """What alike hosts share is counted once: the verdict of their seats, budgets, one suspect more under a label."""
    alive = [host(f"h{n}", f"r{n % 3}") for n in range(9)]
    lost = [dead(f"d{n}", "r1", ago=4 * SECOND) for n in range(2)]
    work = [machine(f"m{n}", on=f"h{n}", app=f"a{n}") for n in range(9)]
    known = fleet(*alive, *lost, *work, *(seen(each) for each in (*alive, *lost)), gate=OPEN)
    rule = Correlated(by=("rack",), at_least=3, within=(timedelta(minutes=1),))
    assumed = Assumptions(policy(playbook(correlated=rule)), ACTIONS, "host_dead", LifeTimes())
    shared = stage(known)
    told = {each.name: fate(assumed, shared, each.name, NOON) for each in alive}
    alone = {each.name: fate(assumed, stage(known), each.name, NOON) for each in alive}
    assert told == alone
    assert {name for name, each in told.items() if each.blocker == "Correlated"} == {"h1", "h4", "h7"}


def test_a_host_that_counts_in_a_budget_does_not_count_against_itself() -> None:
    lost = [dead("h1", ago=SECOND), dead("h2", "r2", ago=SECOND)]
    share = Budget("fleet", newly_unhealthy=Share(0.5, 1))
    known = fleet(*lost, host("h3", "r3"), host("h4", "r3"))
    index = Index(known, NOON)
    cases = [replace(case(known, name, playbook(budgets=(share,))), index=index) for name in ("h1", "h3", "h2", "h4")]
    read = [facts["budgets"][0]["used"] for each in cases if (facts := guards.budgets.read(each))]
    assert read == [1, 2, 1, 2]


def test_whatif_names_what_is_sure_before_what_acts_whichever_rung_that_is() -> None:
    fence = Step("fence", {"via": ("orchestrator",), "when": "always"})
    for steps, told in (
        ((Step("mark_host_dead"), Step("recreate")), "mark_host_dead, recreate"),
        ((Step("mark_host_dead"), Step("recreate", meanwhile=fence)), "mark_host_dead, recreate, fence"),
        ((Step("recreate"), Step("mark_host_dead")), "recreate"),
    ):
        alive = [host(f"h{n}", f"r{n}") for n in range(3)]
        known = fleet(*alive, machine("m1", on="h1"), *(seen(each) for each in alive), gate=OPEN)
        assumed = Assumptions(policy(playbook(steps=steps)), ACTIONS, "host_dead", LifeTimes())
        found = fate(assumed, stage(known), "h1", NOON)
        assert (found.action, found.text) in (("recreate", told), ("recreate", told.removesuffix(", fence")))
