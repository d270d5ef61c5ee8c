"""whatif: each host as if it died now. Virtual time goes on over ``decide`` until it acts, or stays held."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from remediator.actions.spec import ActionSpec
from remediator.engine.decide import Verdicts, decide_one
from remediator.engine.lives import LifeTimes, next_host
from remediator.engine.verdicts import judge
from remediator.model.decision import Decision, DecisionOutcome
from remediator.model.evidence import Outcome, Sighting, Verdict
from remediator.model.fleet import Fleet
from remediator.model.host import LOST, Capacity, Host, Life
from remediator.model.machine import Machine, Volume
from remediator.model.policy import Kind, Mode, Policy

STEP = timedelta(milliseconds=250)
# Evidence that has made nobody dead after this never will.
LONGEST = timedelta(seconds=60)
# Where there is no room on the best of a region's hosts, there is none; more of them only cost time.
TARGETS = 8
MACHINES = 3
_TOUCHING = frozenset({Kind.ADDITIVE, Kind.DESTRUCTIVE})
# As things are set up, not as they happen to be: no passing of time changes these.
LASTING = frozenset(
    {"Retired", "NotJoined", "TooFewVantages", "QuorumTooSmall", "NoPlaybook", "Disabled", "ModeShadow"}
)


@dataclass(frozen=True, slots=True)
class Assumptions:
    """By what it is decided: rules, actions, the playbook for dead hosts, and the times of evidence."""

    policy: Policy
    actions: Mapping[str, ActionSpec]
    liveness: str
    times: LifeTimes


@dataclass(frozen=True, slots=True)
class Fate:
    """What would become of a host that died now: acted on after ``seconds``, or held by ``blocker``.

    ``blocker`` is a hold's reason, empty when it would be acted on; ``lasting`` says that only a change of the
    setting up would change it. ``action`` is the step that acts, or that is held; ``text`` names all steps that
    would be taken at that moment, or says why not.
    """

    host: str
    region: str
    rack: str
    seconds: float = 0.0
    action: str = ""
    blocker: str = ""
    text: str = ""

    @property
    def can_act(self) -> bool:
        return not self.blocker

    @property
    def lasting(self) -> bool:
        return self.blocker in LASTING


@dataclass(frozen=True, slots=True)
class Outlook:
    """Every host's fate at one moment, under the rules of that digest; ``took`` in seconds."""

    at: datetime | None = None
    digest: str = ""
    took: float = 0.0
    fates: tuple[Fate, ...] = ()


@dataclass(slots=True)
class Stage:
    """The fleet prepared once, so that each host costs little: what is free is counted, what is far is left out."""

    fleet: Fleet
    machines: Mapping[str, list[Machine]] = field(default_factory=dict)
    volumes: Mapping[str, list[Volume]] = field(default_factory=dict)
    lost: tuple[Machine, ...] = ()


def stage(fleet: Fleet) -> Stage:
    """Where the play takes place."""
    machines: defaultdict[str, list[Machine]] = defaultdict(list)
    volumes: defaultdict[str, list[Volume]] = defaultdict(list)
    for machine in fleet.machines.values():
        machines[machine.host].append(machine)
    for volume in fleet.volumes.values():
        volumes[volume.host].append(volume)
    hosts = _with_free_room(fleet, machines, volumes)
    lost = tuple(each for host in hosts.values() if host.life in LOST for each in machines[host.name])
    return Stage(replace(fleet, hosts=hosts, alerts=(), migrations={}, reserved={}), machines, volumes, lost)


def whatif(assumed: Assumptions, on: Stage, now: datetime) -> Iterator[Fate]:
    """The fate of every host, in the order of their names."""
    for name in sorted(on.fleet.hosts):
        yield fate(assumed, on, name, now)


def fate(assumed: Assumptions, on: Stage, name: str, now: datetime) -> Fate:
    """The fate of one host, were all of its assigned vantages silent and its heartbeats gone from now on."""
    host = on.fleet.hosts[name]
    never = _never(assumed, on.fleet, host)
    if never:
        return Fate(name, host.region, host.rack, blocker=never[0], text=never[1])
    passed = timedelta()
    verdict: Verdict | None = None
    while passed <= LONGEST:
        then = now + passed
        sighting = _silent(on.fleet.sightings[name], now, then)
        verdict = judge(sighting, host.rack, verdict, assumed.times.evidence, then)
        host = next_host(host, verdict, sighting, assumed.times, then)
        if host.life is Life.DEAD:
            found = _decided(assumed, _without(on, host, sighting, verdict), name, then)
            ended = _ended(assumed, host, found, passed)
            if ended:
                return ended
        passed += STEP
    text = verdict.reason if verdict else "nobody looks"
    return Fate(name, host.region, host.rack, blocker="EvidenceDisagrees", text=text)


def _never(assumed: Assumptions, fleet: Fleet, host: Host) -> tuple[str, str] | None:
    """Why a host is not acted on, whatever happens to it; None if it may be."""
    playbook = assumed.policy.playbooks.get(assumed.liveness)
    sighting = fleet.sightings.get(host.name)
    if host.life in LOST:
        return ("Retired", "it is retired") if host.life is Life.RETIRED else ("Lost", f"it is {host.life} already")
    if not host.joined:
        return "NotJoined", "it has never joined: nobody probes it, and nothing of ours runs there"
    if playbook is None:
        return "NoPlaybook", f"there is no playbook {assumed.liveness} for dead hosts"
    if playbook.mode is Mode.DISABLED:
        return "Disabled", f"playbook {playbook.name} is disabled"
    if sighting is None or len(sighting.votes) < 2:
        return "TooFewVantages", f"{len(sighting.votes) if sighting else 0} vantages probe it; one alone kills nobody"
    return None


def _silent(sighting: Sighting, since: datetime, then: datetime) -> Sighting:
    """The same seats, all of which hear nothing; no heartbeat, and no proof that the power is off."""
    votes = tuple(replace(vote, outcome=Outcome.SILENT, received=then, silent_since=since) for vote in sighting.votes)
    return Sighting(sighting.host, votes, since, connected=False)


def _without(on: Stage, host: Host, sighting: Sighting, verdict: Verdict) -> Fleet:
    """The fleet with that host dead, and of all machines only those that matter to its remedy."""
    mine = _telling(on.machines.get(host.name, []))
    near = {machine.id: machine for machine in (*on.lost, *mine)}
    return replace(
        on.fleet,
        hosts={**on.fleet.hosts, host.name: host},
        machines=near,
        volumes={volume.id: volume for volume in on.volumes.get(host.name, [])},
        sightings={host.name: sighting},
        verdicts={host.name: verdict},
    )


def _telling(machines: list[Machine]) -> list[Machine]:
    """A few that show whether anything can be done: the smallest of those that could be run elsewhere."""
    alive = [machine for machine in machines if machine.alive and not machine.adopted]
    ranked = sorted(alive, key=lambda each: (bool(each.volumes), each.sealed is None, each.asks.memory_mb, each.id))
    return ranked[:MACHINES]


def _decided(assumed: Assumptions, fleet: Fleet, name: str, then: datetime) -> Verdicts:
    """What the playbook decides; an earlier remediation of this host is over, for it was well since."""
    key = f"{assumed.liveness}/{name}"
    known = fleet.remediations.get(key)
    if known and known.open:
        over = {**fleet.remediations, key: replace(known, closed_at=then)}
        fleet = replace(fleet, remediations=over)
    return decide_one(assumed.policy, assumed.actions, assumed.liveness, name, fleet, then)


def _ended(assumed: Assumptions, host: Host, found: Verdicts, passed: timedelta) -> Fate | None:
    """The fate, once something that counts was done or held; None while it only settles."""
    decisions = [decision for decision, _ in found.decisions]
    acts = [d for d in decisions if d.outcome is DecisionOutcome.ACT]
    touching = [d for d in acts if assumed.actions[d.action].kind in _TOUCHING]
    held = [d for d in decisions if d.outcome is not DecisionOutcome.ACT]
    if touching or (acts and not held):
        steps = ", ".join(dict.fromkeys(act.action for act in acts))
        return Fate(
            host.name, host.region, host.rack, passed.total_seconds(), (touching or acts)[0].action, text=steps
        )
    if held and held[0].reason != "Settling":
        return _held(host, held[0], passed)
    return None


def _held(host: Host, hold: Decision, passed: timedelta) -> Fate:
    # Only a few of its machines were tried: their number says nothing.
    text = f"no host in {host.region} has room for any of its machines" if hold.reason == "NoRoom" else hold.text
    return Fate(host.name, host.region, host.rack, passed.total_seconds(), hold.action, hold.reason, text)


def _with_free_room(
    fleet: Fleet, machines: Mapping[str, list[Machine]], volumes: Mapping[str, list[Volume]]
) -> dict[str, Host]:
    """Every host with its free capacity in place of its whole; only those with most room take work."""
    hosts = {
        name: replace(host, capacity=_free(fleet, host, machines, volumes)) for name, host in fleet.hosts.items()
    }
    regions: defaultdict[str, list[Host]] = defaultdict(list)
    for host in hosts.values():
        if host.takes_work:
            regions[host.region].append(host)
    for takers in regions.values():
        for host in _crowd(takers):
            hosts[host.name] = replace(host, cordoned=host.cordoned or "others have more room")
    return hosts


def _crowd(takers: list[Host]) -> list[Host]:
    """All but those with most free memory, and those with most free processors."""
    best = {h.name for h in sorted(takers, key=lambda h: -h.capacity.memory_mb)[:TARGETS]}
    best |= {h.name for h in sorted(takers, key=lambda h: -h.capacity.cpus)[:TARGETS]}
    return [host for host in takers if host.name not in best]


def _free(
    fleet: Fleet, host: Host, machines: Mapping[str, list[Machine]], volumes: Mapping[str, list[Volume]]
) -> Capacity:
    here = replace(
        fleet,
        machines={machine.id: machine for machine in machines.get(host.name, [])},
        volumes={volume.id: volume for volume in volumes.get(host.name, [])},
    )
    return here.free_on(host)
