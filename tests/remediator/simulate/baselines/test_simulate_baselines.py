"""Each baseline on a small fleet: when it acts on a host that is lost, and where its limits stop it."""

from itertools import pairwise

import pytest

from remediator.model.policy import Limits
from remediator.simulate.baselines.lasting import lasting_story
from remediator.simulate.baselines.phi_accrual import THRESHOLD, phi
from remediator.simulate.baselines.roster import baselines
from remediator.simulate.oracle.findings import Judgement, Sin
from remediator.simulate.oracle.judging import judged
from remediator.simulate.world.play import play
from remediator.simulate.world.record import Run
from remediator.simulate.world.story import Fault, Story, Wish, fleet_of
from remediator.simulate.world.topology import grid

ACTS_AFTER = {
    "for: 60s": (60.0, 70.0),
    "phi-accrual 8": (5.0, 10.0),
    "Nomad": (24.0, 30.0),
    "Kubernetes zone rates": (350.0, 360.0),
    "medik8s NHC+FAR": (350.0, 360.0),
    "Cluster API MHC": (350.0, 360.0),
    "Karpenter 20 %": (1850.0, 1860.0),
}


def story(*faults: Fault, minutes: float = 10.0, wishes: tuple[Wish, ...] = ()) -> Story:
    """Two regions of two racks of five hosts, two machines on each."""
    topology = grid(2, 2, 5)
    return Story("small", topology, tuple(fleet_of(topology, 2, 0.0)), faults, wishes, minutes * 60)


def lost(host: str, at: float = 10.0, span: float | None = None, kind: str = "power") -> Fault:
    return Fault(kind, at, span, (host,), (host,))


def played(name: str, what: Story) -> Run:
    return play(what, baselines()[name])


def word_on(run: Run) -> Judgement:
    return judged(run, {}, Limits())


@pytest.mark.parametrize("name", ACTS_AFTER)
def test_a_host_without_power_is_replaced_in_its_own_time(name: str) -> None:
    run = played(name, story(lost("a1-3"), minutes=35.0 if name.startswith("Karpenter") else 10.0))
    word = word_on(run)
    assert word.measures.unreplaced == 0
    assert len(word.measures.replace) == 2
    soonest, latest = ACTS_AFTER[name]
    assert all(soonest <= seconds <= latest for seconds in word.measures.replace)
    assert word.count(Sin.WRONG_KILL) == word.count(Sin.DOUBLE_ROUTABLE) == 0


@pytest.mark.parametrize("name", ["phi-accrual 8", "Nomad"])
def test_whoever_does_not_wait_kills_what_comes_back(name: str) -> None:
    assert word_on(played(name, story(lost("a1-3", span=40.0, kind="link")))).count(Sin.WRONG_KILL) == 2


def test_whoever_believes_heartbeats_alone_cuts_what_serves() -> None:
    run = played("medik8s NHC+FAR", story(lost("a1-3", span=400.0, kind="agent_crash")))
    word = word_on(run)
    assert word.measures.double_run == 0
    assert word.count(Sin.WRONG_KILL) == 1


@pytest.mark.parametrize(("name", "acts"), [("medik8s NHC+FAR", 0), ("Karpenter 20 %", 2), ("Cluster API MHC", 22)])
def test_breakers(name: str, acts: int) -> None:
    """Eleven of twenty hosts lost, ten of them a whole pool: two breakers hold, and one system has none."""
    hosts = [host for host in grid(2, 2, 5).places if host.startswith("a") or host == "b1-3"]
    run = played(name, story(*(lost(host) for host in hosts), minutes=35.0))
    assert sum(act.kind == "recreate" for act in run.done.acts) == acts


def test_a_zone_is_tainted_one_node_in_ten_seconds() -> None:
    run = played("Kubernetes zone rates", story(lost("a1-3"), lost("a2-3"), lost("a1-4", at=10.5)))
    # More than 55 % of a small zone: none at all.
    assert word_on(run).measures.unreplaced == 0
    marks = sorted(act.at for act in run.done.acts if act.kind == "mark_dead")
    assert [round(later - first) for first, later in pairwise(marks)] == [10, 10]


def test_a_destroy_is_kept_until_its_host_is_back() -> None:
    wish = Wish("destroy", 30.0, ("a1-3.1",))
    run = played("Karpenter 20 %", story(lost("a1-3", span=60.0, kind="link"), wishes=(wish,)))
    (request,) = run.done.requests
    assert request.finished is not None
    assert request.finished > 70.0
    assert word_on(run).findings == ()


def test_the_same_run_again() -> None:
    what = lasting_story(3, 60, 10.0)
    one, other = (played("Nomad", what) for _ in range(2))
    assert one == other


def test_some_faults_last() -> None:
    plain = [fault.span for seed in range(5) for fault in lasting_story(seed, 60, 10.0).faults]
    assert None in plain


def test_phi_grows_with_silence_and_a_steady_beat_makes_it_grow_faster() -> None:
    assert phi(3.0, []) < THRESHOLD < phi(8.0, [])
    assert phi(7.0, [1.0] * 20) > phi(7.0, [0.2, 4.0] * 10)
