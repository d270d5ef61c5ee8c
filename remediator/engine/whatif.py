"""whatif: each host as if it died now. Virtual time goes on over ``decide`` until it acts, or stays held."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypeVar

from remediator.actions.spec import ActionSpec
from remediator.engine.climb import flat
from remediator.engine.decide import decide_one
from remediator.engine.evidence.lives import LifeTimes, next_host
from remediator.engine.evidence.verdicts import judge
from remediator.engine.index import Index
from remediator.engine.machines.placement import narrowed
from remediator.model.changing import changed
from remediator.model.decision import Decision, DecisionOutcome
from remediator.model.evidence import Outcome, Sighting, Verdict, Vote
from remediator.model.fleet import Fleet
from remediator.model.host import LOST, Host, Life
from remediator.model.layered import Layered
from remediator.model.machine import Machine
from remediator.model.policy import Kind, Mode, Policy, Step
from remediator.model.views import Views

T = TypeVar("T")
Seats = tuple[tuple[bool, float], ...]

STEP = timedelta(milliseconds=250)
# Evidence that has made nobody dead after this never will.
LONGEST = timedelta(seconds=60)
# Where there is no room on the best of a region's hosts, there is none; more of them only cost time.
TARGETS = 8
MACHINES = 3
# Done to whoever has just died, whenever the rung above it acts: told, and not played.
SURE = frozenset({"mark_host_dead"})
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
    index: Index | None = None
    brief: Policy | None = None
    verdicts: dict[tuple[Seats, datetime, timedelta], Verdict] = field(default_factory=dict)
    sure: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def judged(self, host: Host, since: datetime, passed: timedelta, times: LifeTimes) -> Verdict:
        """The verdict after so long a silence: judged of the first host with such seats, the same for all of them."""
        sighting = self.fleet.sightings[host.name]
        seats = _alike(sighting, host.rack)
        known = self.verdicts.get((seats, since, passed))
        if known is None:
            before = self.verdicts.get((seats, since, passed - STEP))
            known = judge(_silent(sighting, since, since + passed), host.rack, before, times.evidence, since + passed)
            self.verdicts[seats, since, passed] = known
        weights = tuple((vote.vantage, vote.weight) for vote in sighting.votes)
        return changed(known, host=host.name, weights=weights)

    def index_at(self, now: datetime, playbooks: Iterable[str]) -> Index:
        """What guards and budgets count, the same for every host; each adds itself."""
        if self.index is None:
            self.index = Index(self.fleet, now, frozenset(playbooks))
        return self.index

    def briefly(self, assumed: Assumptions) -> Policy:
        """The ladder up to its first rung that touches the fleet, for one machine: most hosts need no more."""
        if self.brief is None:
            playbook = assumed.policy.playbooks[assumed.liveness]
            kinds = [assumed.actions[step.action].kind for step in playbook.steps]
            first = next((number for number, kind in enumerate(kinds) if kind in _TOUCHING), len(kinds))
            steps = tuple(_one_at_a_time(step) for step in playbook.steps[: first + 1] if step.action not in SURE)
            short = replace(playbook, steps=steps or playbook.steps)
            self.brief = replace(assumed.policy, playbooks={**assumed.policy.playbooks, playbook.name: short})
        return self.brief

    def sure_before(self, assumed: Assumptions, action: str) -> tuple[str, ...]:
        """The sure steps that stand before that one."""
        if action not in self.sure:
            steps = [step.action for step in flat(assumed.policy.playbooks[assumed.liveness])]
            self.sure[action] = tuple(name for name in steps[: steps.index(action)] if name in SURE)
        return self.sure[action]


def _one_at_a_time(step: Step) -> Step:
    return replace(step, params={**step.params, "pace": 1.0}) if "pace" in step.params else step


def stage(fleet: Fleet) -> Stage:
    """Where the play takes place."""
    machines, volumes = Layered(_plain(fleet.machines)), Layered(_plain(fleet.volumes))
    # Views of its own: others may look at the same fleet meanwhile.
    mine = replace(fleet, hosts=Layered(_plain(fleet.hosts)), machines=machines, volumes=volumes, views=Views())
    mine = replace(mine, alerts=(), migrations={}, reserved={})
    narrowed(mine, TARGETS)
    return Stage(mine)


def _plain(things: Mapping[str, T]) -> Mapping[str, T]:
    """As one layer, over which each play lays its own."""
    return things.copy() if isinstance(things, Layered) else things


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
    verdict: Verdict | None = None
    # What its seats hear is in the verdict.
    sighting = Sighting(name, (), now, connected=False)
    for passed in _moments(assumed.times):
        then = now + passed
        verdict = on.judged(host, now, passed, assumed.times)
        host = next_host(host, verdict, sighting, assumed.times, then)
        if host.life is Life.DEAD:
            index = on.index_at(now, assumed.policy.playbooks).given(host, then)
            told, decisions = _decided(assumed, on, _without(on, host, sighting, verdict), index)
            ended = _ended(assumed, host, told, decisions, passed)
            if ended:
                return ended
    text = verdict.reason if verdict else "nobody looks"
    return Fate(name, host.region, host.rack, blocker="EvidenceDisagrees", text=text)


def _moments(times: LifeTimes) -> Iterator[timedelta]:
    """When it is looked at: from the first step on at which anybody can be dead."""
    passed = max(STEP, -(-times.evidence.dead_after // STEP) * STEP)
    while passed <= LONGEST:
        yield passed
        passed += STEP


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
    silent = Outcome.SILENT
    votes = tuple(Vote(v.vantage, v.region, v.rack, silent, then, since, v.weight) for v in sighting.votes)
    return Sighting(sighting.host, votes, since, connected=False)


def _alike(sighting: Sighting, rack: str) -> Seats:
    """What the verdict follows from where all seats are silent: whose in its rack, and of what weight."""
    return tuple((vote.rack == rack, vote.weight) for vote in sighting.votes)


def _without(on: Stage, host: Host, sighting: Sighting, verdict: Verdict) -> Fleet:
    """The fleet with that host dead."""
    hosts = _laid(on.fleet.hosts, {host.name: host})
    return changed(on.fleet, hosts=hosts, sightings={host.name: sighting}, verdicts={host.name: verdict})


def _with_few(fleet: Fleet, name: str) -> Fleet:
    """Of the host's machines only those that show what becomes of them."""
    here = fleet.machines_on(name)
    few = {machine.id for machine in _telling(here)}
    others = dict.fromkeys((machine.id for machine in here if machine.id not in few), None)
    return replace(fleet, machines=_laid(fleet.machines, others))


def _laid(things: Mapping[str, T], changes: Mapping[str, T | None]) -> Mapping[str, T]:
    return (things if isinstance(things, Layered) else Layered(things)).with_changes(changes)


def _telling(machines: list[Machine]) -> list[Machine]:
    """A few that show whether anything can be done: the smallest of those that could be run elsewhere."""
    alive = [machine for machine in machines if machine.alive and not machine.adopted]
    ranked = sorted(alive, key=lambda each: (bool(each.volumes), each.sealed is None, each.asks.memory_mb, each.id))
    return ranked[:MACHINES]


def _decided(assumed: Assumptions, on: Stage, fleet: Fleet, index: Index) -> tuple[tuple[str, ...], list[Decision]]:
    """What the playbook decides, and the sure steps that come before; an earlier remediation of this host is over."""
    name = index.also.name if index.also else ""
    key = f"{assumed.liveness}/{name}"
    known = fleet.remediations.get(key)
    if known and known.open:
        over = _laid(fleet.remediations, {key: replace(known, closed_at=index.now)})
        fleet = replace(fleet, remediations=over)
    short = decide_one(on.briefly(assumed), assumed.actions, assumed.liveness, name, fleet, index.now, index)
    if any(_touches(assumed, decision) for decision, _ in short.decisions):
        return on.sure_before(assumed, short.decisions[0][0].action), [decision for decision, _ in short.decisions]
    few = _with_few(fleet, name)
    whole = decide_one(assumed.policy, assumed.actions, assumed.liveness, name, few, index.now, index)
    return (), [decision for decision, _ in whole.decisions]


def _touches(assumed: Assumptions, decision: Decision) -> bool:
    return decision.outcome is DecisionOutcome.ACT and assumed.actions[decision.action].kind in _TOUCHING


def _ended(
    assumed: Assumptions, host: Host, told: tuple[str, ...], decisions: list[Decision], passed: timedelta
) -> Fate | None:
    """The fate, once something that counts was done or held; None while it only settles. ``told`` are sure acts."""
    acts = [d for d in decisions if d.outcome is DecisionOutcome.ACT]
    touching = [d for d in acts if _touches(assumed, d)]
    held = [d for d in decisions if d.outcome is not DecisionOutcome.ACT]
    if touching or (acts and not held):
        steps = ", ".join(dict.fromkeys((*told, *(act.action for act in acts))))
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
