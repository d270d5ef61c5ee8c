"""Other shards' suspects count too, and a shard that is not heard may have as many as it has hosts."""

from dataclasses import replace
from typing import Any

from remediator.engine.decide import case_of
from remediator.engine.guards import table as guards
from remediator.engine.incidents.correlation import cohort
from remediator.engine.incidents.exits import settled
from remediator.engine.index import Index
from remediator.model.decision import Hold
from remediator.model.elsewhere import Doubtful, Elsewhere
from remediator.model.fleet import Fleet
from remediator.model.people import Release
from remediator.model.policy import Budget, Correlated, Share
from tests.remediator.builders import NOON, SECOND, dead, fleet, host, playbook, policy, verdict

KERNEL = ("kernel", "", "6.1")
RULE = Correlated(by=("kernel",), at_least=3)
BOOK = playbook(budgets=(), correlated=RULE)
CROWD = [host(f"w{n}", f"q{n}") for n in range(20)]


def lost(name: str, **fields: Any) -> Any:
    return replace(dead(name), labels={"kernel": "6.1"}, **fields)


def other(*names: str, stale: float = 0.0, size: int = 10) -> Elsewhere:
    told = tuple(Doubtful(KERNEL, NOON - 5 * SECOND, f"fra/{name}") for name in names)
    return Elsewhere("fra", 60, 60, {KERNEL: size}, told, stale)


def ours(*elsewhere: Elsewhere, many: int = 1, **fields: Any) -> Fleet:
    fallen = [lost(f"h{n}") for n in range(1, many + 1)]
    known = fleet(*fallen, *(verdict(each.name) for each in fallen), *CROWD)
    return replace(known, elsewhere=elsewhere, **fields)


def held(known: Fleet) -> Hold | None:
    return guards.correlated(case_of(policy(BOOK), "host_dead", "h1", known, NOON))


def test_one_here_and_two_there_are_one_incident_of_our_own_hosts() -> None:
    known = ours(other("f1", "f2"))
    seen = cohort(Index(known, NOON), RULE, KERNEL)
    assert seen is not None
    assert (seen.incident, seen.count, seen.hosts) == (True, 3, ("h1",))
    (opened,) = settled(Index(known, NOON), RULE)
    assert (opened.label, opened.hosts) == ("kernel", ("h1",))
    assert opened.reason.startswith("3 of 11 hosts of kernel 6.1 fell")


def test_one_here_and_one_there_are_none() -> None:
    assert held(ours(other("f1"))) is None
    assert list(settled(Index(ours(other("f1")), NOON), RULE)) == []


def test_suspects_elsewhere_alone_open_nothing_here() -> None:
    assert list(settled(Index(ours(other("f1", "f2", "f3"), many=0), NOON), RULE)) == []


def test_a_shard_that_is_not_heard_may_have_as_many_as_it_has_hosts() -> None:
    hold = held(ours(other(stale=12.0)))
    assert hold is not None
    assert hold.reason == "CorrelationUnknown"
    assert hold.text == (
        "shard fra has not been heard for 12 s: up to 10 hosts of kernel 6.1 there may have fallen with this one"
    )
    # No incident is made of what is not known.
    assert list(settled(Index(ours(other(stale=12.0)), NOON), RULE)) == []


def test_what_cannot_be_many_holds_nothing() -> None:
    assert held(ours(other(stale=12.0, size=1))) is None
    assert held(ours(replace(other(stale=12.0), sizes={}))) is None
    # What most hosts share explains nothing.
    assert held(ours(other(stale=12.0, size=59))) is None


def test_what_a_silent_shard_told_last_still_counts() -> None:
    hold = held(ours(other("f1", "f2", stale=12.0)))
    assert hold is not None
    assert hold.reason == "Correlated"


def test_a_person_lets_go_of_it_all_the_same() -> None:
    release = Release("r1", ("h1",), "me", "seen", NOON, NOON + 60 * SECOND)
    assert held(ours(other(stale=12.0), releases={"r1": release})) is None


def test_of_a_fleet_wide_budget_only_our_part_may_be_used() -> None:
    book = playbook(budgets=(Budget("fleet", max_in_flight=Share(0.1, 2)),), correlated=None)
    known = ours()

    def hold(shares: dict[str, int] | None) -> Hold | None:
        return guards.budgets(case_of(policy(book), "host_dead", "h1", replace(known, shares=shares), NOON))

    assert hold(None) is None
    assert hold({"host_dead InFlight 0.1/2": 1}) is None
    without = hold({})
    assert without is not None
    assert without.text == "0 of 0 allowed in this fleet, as far as its part was given to this shard"
