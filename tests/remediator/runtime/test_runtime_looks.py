"""Only those are judged whom something was heard of, or whose time has come; and it is as if all had been."""

from datetime import timedelta

import hypothesis.strategies as st
from hypothesis import given, settings

from remediator.clock import FakeClock
from remediator.engine.evidence.vantages import Vantage
from remediator.engine.evidence.verdicts import EvidenceTimes, judge
from remediator.engine.evidence.weights import VantageHealth
from remediator.journal.memory import MemoryJournal
from remediator.journal.protocol import Row
from remediator.model.evidence import Claim, Outcome, Sighting, Verdict, VerdictKind
from remediator.model.host import HostStatus
from remediator.runtime.agents.watch import Watch
from remediator.runtime.due import Due
from remediator.runtime.ledger import Ledger
from remediator.sources.evidence import Evidence
from tests.remediator.builders import NOON, SECOND, host
from tests.remediator.runtime.lab import VANTAGES, Lab

HOSTS = {name: host(name, rack, address="") for name, rack in (("h1", "r1"), ("h2", "r2"), ("h10", "r1"))}
NAMES = st.sampled_from(sorted(HOSTS))
WHERE = st.sampled_from(VANTAGES)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["vote", "vote", "vote", "all well", "beat", "hang up", "power", "claim", "health", "wait"]),
        NAMES,
        WHERE,
        st.sampled_from(Outcome),
        st.sampled_from([0.25, 0.5, 1.0, 2.9, 3.1, 30.0]),
    ),
    max_size=30,
)


class Scene:
    """A watch over three hosts, and beside it the same votes judged one and all."""

    def __init__(self) -> None:
        self.clock = FakeClock(NOON)
        journal = MemoryJournal()
        journal.commit([Row("Host", name, 0, known) for name, known in HOSTS.items()], [])
        self.evidence = Evidence()
        self.watch = Watch(Ledger(journal), self.evidence, EvidenceTimes(), self.clock)
        self.before: dict[str, Verdict] = {}

    def all_well(self) -> None:
        now = self.clock.now()
        for vantage in VANTAGES:
            self.evidence.reported(vantage, now)
            for name in HOSTS:
                self.evidence.voted(vantage, name, Outcome.OK, now)
        for name in HOSTS:
            self.evidence.heard(name, now)

    def befalls(self, what: str, name: str, vantage: Vantage, outcome: Outcome, seconds: float) -> None:
        now = self.clock.now()
        match what:
            case "vote":
                self.evidence.voted(vantage, name, outcome, now)
            case "all well":
                self.all_well()
            case "beat":
                self.evidence.heard(name, now)
            case "hang up":
                self.evidence.hung_up(name)
            case "power":
                self.evidence.powered(name, "off" if seconds > 1 else "on", now)
            case "claim":
                told = [Claim(VerdictKind.WEDGED, "agent", now, "stuck")] if seconds > 1 else []
                self.evidence.claimed(name, "agent", told)
            case "health":
                self.evidence.reported(vantage, now, VantageHealth(lag=seconds))
            case _:
                self.clock.set(now + timedelta(seconds=seconds))

    def everyone(self) -> dict[str, Verdict]:
        """What judging each host says, from the evidence itself."""
        now, seats = self.clock.now(), self.watch.assignment(self.clock.now())
        seen = {name: self.evidence.sighting(name, seats[name]) for name in HOSTS}
        times = EvidenceTimes()
        self.before = {n: judge(s, HOSTS[n].rack, self.before.get(n), times, now) for n, s in seen.items()}
        return self.before


def told(verdict: Verdict) -> tuple[object, ...]:
    votes = verdict.silent, verdict.assigned, verdict.outside_rack, verdict.silent_weight
    return verdict.kind, verdict.reason, verdict.since, verdict.suspect_since, votes, verdict.suspect_share


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_it_is_as_if_every_host_were_judged_at_each_look(
    steps: list[tuple[str, str, Vantage, Outcome, float]],
) -> None:
    scene = Scene()
    scene.all_well()
    for what, name, vantage, outcome, seconds in steps:
        scene.befalls(what, name, vantage, outcome, seconds)
        found = scene.watch.look()
        assert {name: told(each) for name, each in found.verdicts.items()} == {
            name: told(each) for name, each in scene.everyone().items()
        }
        for name, sighting in found.sightings.items():
            assert fresh(sighting, scene) == fresh(scene.watch.sighting(name), scene)


def fresh(sighting: Sighting | None, scene: Scene) -> tuple[object, ...]:
    """What of a sighting is fresh: its moments may lag, what follows from them may not."""
    assert sighting is not None
    now = scene.clock.now()
    votes = [vote.outcome for vote in sighting.votes if vote.received and now - vote.received < 3 * SECOND]
    beats = sighting.heartbeat is not None and now - sighting.heartbeat < 3 * SECOND
    return votes, beats, sighting.connected, sighting.power, sighting.claims


async def test_hosts_that_go_on_being_well_are_not_judged_again_before_their_time(lab: Lab) -> None:
    await lab.put(*HOSTS.values())
    lab.probes(h1=Outcome.OK, h2=Outcome.OK, h10=Outcome.OK)
    assert lab.watch.look().judged == frozenset({"h1", "h2", "h10"})
    lab.wait(1)
    lab.probes(h1=Outcome.OK, h2=Outcome.SILENT, h10=Outcome.OK)
    assert lab.watch.look().judged == frozenset({"h2"})
    lab.wait(1)
    lab.probes(h1=Outcome.OK, h2=Outcome.OK, h10=Outcome.OK)
    assert lab.watch.look().judged == frozenset({"h2"})
    lab.wait(1)
    # What was first heard of them is three seconds old.
    assert {"h1", "h10"} <= (lab.watch.look().judged or set())


async def test_a_host_that_was_written_anew_is_judged_anew(lab: Lab) -> None:
    await lab.put(*HOSTS.values())
    lab.watch.look()
    await lab.put(host("h1", "r1", address="", cordoned="by hand"))
    assert lab.watch.look().judged == frozenset({"h1"})


async def test_what_was_handed_out_does_not_change(lab: Lab) -> None:
    await lab.put(*HOSTS.values())
    lab.probes(h1=Outcome.OK)
    first = lab.watch.look()
    was = dict(first.hosts), dict(first.verdicts), dict(first.sightings)
    lab.wait(1)
    lab.probes(h1=Outcome.SILENT)
    await lab.put(host("h1", cordoned="by hand"), host("h3"))
    lab.watch.look()
    assert (dict(first.hosts), dict(first.verdicts), dict(first.sightings)) == was


async def test_whose_power_is_worth_asking_for(lab: Lab) -> None:
    """Also of one that some vantage hears: proof of power-off may contradict it."""
    await lab.put(*HOSTS.values())
    lab.probes(h1=Outcome.OK, h2=Outcome.OK)
    lab.watch.look()
    assert lab.watch.doubted() == []
    lab.evidence.voted(VANTAGES[0], "h2", Outcome.SILENT, NOON)
    lab.watch.look()
    assert [each.name for each in lab.watch.doubted()] == ["h2"]
    lab.watch.began_anew()
    assert lab.watch.doubted() == []
    # Nobody speaks of it any more, and its heartbeats are missed: its vantages may have fallen with it.
    await lab.put(HOSTS["h1"].with_status(HostStatus.UNKNOWN, NOON))
    assert [each.name for each in lab.watch.doubted()] == ["h1"]


def test_a_later_word_replaces_an_earlier_one() -> None:
    due = Due()
    due.at("h1", NOON + SECOND)
    due.at("h2", NOON + SECOND)
    due.at("h1", NOON + 3 * SECOND)
    due.at("h2", None)
    assert due.take(NOON + 2 * SECOND) == set()
    assert due.take(NOON + 3 * SECOND) == {"h1"}
    assert due.take(NOON + 9 * SECOND) == set()
