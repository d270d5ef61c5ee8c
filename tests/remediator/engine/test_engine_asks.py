"""Asks: worst and oldest first, and nobody waits for ever."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from remediator.actions import ACTIONS
from remediator.engine.asks import LONGEST, asks
from remediator.engine.decide import decide
from remediator.engine.index import Index
from remediator.model.policy import Budget, Share
from tests.remediator.builders import NOON, SECOND, alert, dead, fleet, host, machine, playbook, policy, verdict
from tests.remediator.engine.test_engine_budgets import acted, finished, written

WAITING = playbook("host_dead", budgets=(Budget("fleet", max_in_flight=Share(0.0, 2)),), correlated=None)


@settings(max_examples=30)
@given(st.lists(st.integers(0, 3000), min_size=1, max_size=12, unique=True))
def test_everybody_acts_within_a_bound_once_there_are_slots(died: list[int]) -> None:
    """Invariant 10: with two slots that free each round, n hosts take n/2 rounds, the longest dead first."""
    hosts = [dead(f"h{n:02}", f"r{n}", ago=(10 + ago) * SECOND) for n, ago in enumerate(died)]
    lost = [machine(f"m{n}", on=each.name) for n, each in enumerate(hosts)]
    spare = [host(f"s{n}", f"s{n}") for n in range(3)]
    told = [verdict(each.name) for each in hosts]
    known, order, rounds = fleet(*hosts, *lost, *spare, *told), list[str](), 0
    while len(order) < len(hosts):
        found = decide(policy(WAITING), ACTIONS, "host_dead", known, NOON)
        order += sorted(acted(found) - {*order}, key=lambda name: known.hosts[name].died_at or NOON)
        known, rounds = finished(written(known, found), 2), rounds + 1
        assert rounds <= (len(hosts) + 1) // 2
    assert order == sorted(order, key=lambda name: known.hosts[name].died_at or NOON)


@given(
    st.lists(
        st.tuples(st.integers(0, 7200), st.sampled_from(["critical", "warning", "info", ""])), min_size=1, max_size=30
    ),
    st.lists(st.integers(0, 7200), max_size=10),
)
def test_nobody_is_overtaken_by_what_began_much_later(alerts: list[tuple[int, str]], died: list[int]) -> None:
    """The bound of invariant 10: ten minutes, however bad it is and however much comes after."""
    firing = tuple(
        alert(f"a{n}", "host_wedged", labels={"host": f"a{n}", "playbook": "host_wedged", "severity": severity},
              active_at=NOON - ago * SECOND)
        for n, (ago, severity) in enumerate(alerts)
    )  # fmt: skip
    hosts = [dead(f"h{n}", ago=ago * SECOND) for n, ago in enumerate(died)]
    books = policy(playbook(), playbook("host_wedged"))
    known = fleet(*hosts, alerts=firing)
    begun = {each.labels["host"]: each.active_at for each in firing}
    begun |= {each.name: each.died_at for each in hosts if each.died_at}
    order = [begun[target] for _, target in asks(books, "host_dead", Index(known, NOON))]
    latest = order[0]
    for moment in order:
        assert latest - moment <= LONGEST
        latest = max(latest, moment)


def test_what_is_worse_goes_first_and_what_is_older_among_equals() -> None:
    def firing(name: str, severity: str, ago: float) -> Any:
        labels = {"host": name, "playbook": "host_wedged", "severity": severity}
        return alert(name, "host_wedged", labels=labels, active_at=NOON - ago * SECOND)

    alerts = (firing("info", "", 60), firing("bad", "critical", 5), firing("worse", "critical", 30))
    known = fleet(dead("h1", ago=SECOND), machine(), dead("h2", ago=SECOND), alerts=alerts)
    books = policy(playbook(), playbook("host_wedged"))
    order = [target for _, target in asks(books, "host_dead", Index(known, NOON))]
    assert order == ["h1", "worse", "bad", "h2", "info"]
