"""Explanations for people: what is so, what was decided and why, what holds, and what would change it. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from remediator.api.explaining.account import Told, accounts_of, fate_line
from remediator.api.explaining.remedies import what_would_help
from remediator.api.people.words import words_about, words_named
from remediator.engine.guards.facts import GUARDS
from remediator.engine.whatif import Assumptions, Fate
from remediator.model.decision import Decision, DecisionOutcome
from remediator.model.fleet import Fleet, routable
from remediator.model.host import LOST, Fence, Host, Life
from remediator.model.machine import Machine, Recovery
from remediator.model.stuck import missed, stuck

SECONDS_IN = ((86400, "d"), (3600, "h"), (60, "m"))
NEWEST = 12


@dataclass(frozen=True, slots=True)
class Scene:
    """What an explanation may read."""

    fleet: Fleet
    decisions: Sequence[Decision]
    holds: Sequence[Decision]
    now: datetime
    assumed: Assumptions | None = None
    fates: Sequence[Fate] = ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """``kind`` is decision, host, machine or target; the lists hold sentences, most telling first.

    ``accounts`` tell of each playbook concerned what every guard says; ``whatif`` what a host's death would bring.
    """

    subject: str
    kind: str
    now: tuple[str, ...]
    decided: tuple[str, ...] = ()
    held: tuple[str, ...] = ()
    would_change: tuple[str, ...] = ()
    whatif: str = ""
    accounts: tuple[Told, ...] = ()


def explain(identifier: str, scene: Scene, decision: Decision | None = None) -> Explanation | None:
    """Explains a decision (given, or among the newest), a host or a machine; None if it is none of them."""
    known = decision or next((each for each in (*scene.holds, *scene.decisions) if each.id == identifier), None)
    if known is not None:
        return _with_accounts(_explain_decision(known, scene), scene, known.target, known.playbook)
    if identifier in scene.fleet.hosts:
        told = _explain_host(scene.fleet.hosts[identifier], scene)
        return _with_accounts(replace(told, whatif=_fate(identifier, scene)), scene, identifier)
    if identifier in scene.fleet.machines:
        machine = scene.fleet.machines[identifier]
        return _with_accounts(_explain_machine(machine, scene), scene, machine.host)
    return _explain_target(identifier, scene)


def _with_accounts(told: Explanation, scene: Scene, target: str, playbook: str = "") -> Explanation:
    if scene.assumed is None:
        return told
    return replace(told, accounts=accounts_of(scene.assumed, scene.fleet, target, scene.now, playbook))


def _fate(host: str, scene: Scene) -> str:
    """What a death would bring, as last looked at; of who is lost already there is nothing to tell."""
    known = next((fate for fate in scene.fates if fate.host == host), None)
    return fate_line(known) if known and scene.fleet.hosts[host].life not in LOST else ""


def _explain_target(name: str, scene: Scene) -> Explanation | None:
    """A region, a volume, or whatever else a playbook may have for its target."""
    held = _concerning(scene.holds, {name})
    told = Explanation(
        subject=name,
        kind="target",
        now=tuple(words_named(name, scene.fleet, scene.now)),
        decided=_decided(scene, {name}),
        held=tuple(decision_line(each, scene.now) for each in held),
        would_change=_changes(held),
    )
    whole = _with_accounts(told, scene, name)
    return whole if whole.now or whole.accounts or whole.decided or whole.held else None


def span(seconds: float) -> str:
    """A length of time for people: ``42s``, ``2m 5s``, ``3h 0m``; never negative."""
    left = max(0, int(seconds))
    for index, (size, unit) in enumerate(SECONDS_IN):
        if left >= size:
            below, letter = SECONDS_IN[index + 1] if index + 1 < len(SECONDS_IN) else (1, "s")
            return f"{left // size}{unit} {left % size // below}{letter}"
    return f"{left}s"


def ago(moment: datetime, now: datetime) -> str:
    return f"{moment:%H:%M:%S}Z ({span((now - moment).total_seconds())} ago)"


def decision_line(decision: Decision, now: datetime) -> str:
    """One decision in one line."""
    if decision.outcome is DecisionOutcome.ACT:
        effects = f" [{', '.join(decision.effects)}]" if decision.effects else ""
        return f"{ago(decision.at, now)} {decision.action} on {decision.target}: {decision.text}{effects}"
    word = {"hold": "held", "shadow": "would have acted", "ask": "asks a person"}[decision.outcome.value]
    who = f"{decision.action} on {decision.target}"
    return f"{ago(decision.at, now)} {who}: {word} ({decision.reason}): {decision.text}"


def _facts_lines(decision: Decision) -> Iterator[str]:
    """What was read, plainly; of each guard in one line."""
    for name, value in sorted(decision.facts.items()):
        if name != GUARDS:
            yield f"{name} = {value}"
    for guard, read in decision.facts.get(GUARDS, {}).items():
        yield f"guard {guard} read " + ", ".join(f"{name} {value}" for name, value in read.items())


def _explain_decision(decision: Decision, scene: Scene) -> Explanation:
    facts = tuple(_facts_lines(decision))
    effects = tuple(f"effect: {effect}" for effect in decision.effects)
    standing = any(each.sameness == decision.sameness for each in scene.holds)
    is_hold = decision.outcome is not DecisionOutcome.ACT
    now = (f"playbook {decision.playbook}, reason {decision.reason}", *effects, *facts)
    if is_hold and not standing:
        now = ("this no longer stands: it was decided anew since", *now)
    return Explanation(
        subject=decision.id,
        kind="decision",
        now=now,
        decided=(decision_line(decision, scene.now),),
        held=(decision.text,) if standing else (),
        would_change=(what_would_help(decision.reason, decision.text),) if standing else (),
    )


def _explain_host(host: Host, scene: Scene) -> Explanation:
    machines = scene.fleet.machines_on(host.name)
    subjects = {host.name}
    held = _concerning(scene.holds, subjects)
    return Explanation(
        subject=host.name,
        kind="host",
        now=(_host_line(host, scene.now), *_host_notes(host, scene), *_machines_lines(machines)),
        decided=_decided(scene, subjects),
        held=tuple(decision_line(each, scene.now) for each in held),
        would_change=_changes(held) or _host_changes(host),
    )


def _host_line(host: Host, now: datetime) -> str:
    reason = f": {host.reason}" if host.reason else ""
    return f"{host.name} ({host.region}, rack {host.rack}) is {host.life} since {ago(host.since, now)}{reason}"


def _host_notes(host: Host, scene: Scene) -> list[str]:
    notes = [f"host_status {host.status} since {ago(host.status_since, scene.now)}"]
    verdict = scene.fleet.verdicts.get(host.name)
    if verdict:
        votes = f"{verdict.silent} of {verdict.assigned} vantages silent, {verdict.outside_rack} outside its rack"
        notes.append(f"verdict {verdict.kind}: {verdict.reason} ({votes})")
    if host.fence is not Fence.NONE:
        notes.append(f"fence {host.fence}" + (f" by {host.fence_by}" if host.fence_by else ""))
    if host.cordoned:
        notes.append(f"cordoned: {host.cordoned}")
    return [*notes, *words_about(host, None, scene.fleet, scene.now)]


def _machines_lines(machines: list[Machine]) -> list[str]:
    if not machines:
        return ["no machines"]
    counts: dict[str, int] = {}
    for machine in machines:
        word = machine.state.value if machine.recovery is Recovery.NONE else f"replacement {machine.recovery.value}"
        counts[word] = counts.get(word, 0) + 1
    return [f"{len(machines)} machines: " + ", ".join(f"{count} {word}" for word, count in sorted(counts.items()))]


def _host_changes(host: Host) -> tuple[str, ...]:
    match host.life:
        case Life.DEAD:
            return ("its return: the first authenticated contact of its agent; or retiring it",)
        case Life.SUSPECT:
            return ("one fresh answer to any vantage, or its heartbeat, makes it healthy again",)
        case Life.RETURNING:
            return ("it is admitted once what was condemned there is seen gone",)
        case Life.PROBATION:
            return ("it takes work again once it has stayed healthy for the whole probation",)
        case _:
            return ()


def _explain_machine(machine: Machine, scene: Scene) -> Explanation:
    host = scene.fleet.hosts.get(machine.host)
    held = _concerning(scene.holds, {machine.id})
    lost = machine.recovery is not Recovery.NONE or (host is not None and host.life is Life.DEAD)
    above = _concerning(scene.holds, {machine.host}) if lost else []
    return Explanation(
        subject=machine.id,
        kind="machine",
        now=tuple(_machine_lines(machine, host, scene)),
        decided=_decided(scene, {machine.id, machine.host}),
        held=tuple(decision_line(each, scene.now) for each in (*held, *above)),
        would_change=_changes([*held, *above]) or _machine_changes(machine),
    )


def _machine_lines(machine: Machine, host: Host | None, scene: Scene) -> list[str]:
    traffic = "may reach it" if routable(machine, host) else "does not reach it"
    lines = [
        f"{machine.name} ({machine.id}) of {machine.app} on {machine.host} is {machine.state}; traffic {traffic}"
    ]
    if host:
        lines.append(_host_line(host, scene.now))
    return [*lines, *_fate_lines(machine, scene), *words_about(host, machine, scene.fleet, scene.now)]


def _standby_lines(machine: Machine) -> list[str]:
    if machine.standing_for:
        return [f"a standby: stands in for {machine.standing_for}, whose host is lost"]
    ends = "; is being stopped, for it is needed no more" if machine.stepping_down else ""
    return [f"a standby of {', '.join(machine.stands_by)}{ends}"] if machine.stands_by else []


def _recovery_lines(machine: Machine, host: Host | None) -> list[str]:
    if machine.recovery is not Recovery.NONE:
        return [f"its replacement is {machine.recovery}: {machine.recovery_reason}".removesuffix(": ")]
    if missed(machine, host):
        return ["nothing runs in its place: what is done for its host is held, asks a person, or has just begun"]
    return []


def _fate_lines(machine: Machine, scene: Scene) -> list[str]:
    """What is becoming of it: nothing here is about any other app."""
    lines = _recovery_lines(machine, scene.fleet.hosts.get(machine.host))
    if machine.replaced_by:
        lines.append(f"replaced by {machine.replaced_by}")
    if machine.replaces:
        lines.append(f"replaces {machine.replaces}")
    lines += _standby_lines(machine)
    if machine.condemned_at:
        lines.append(f"condemned at {ago(machine.condemned_at, scene.now)}: {machine.condemned_why}")
    destroy = scene.fleet.destroys.get(machine.id)
    if destroy:
        asked = f"asked by {destroy.origin} at {ago(destroy.asked_at, scene.now)}"
        lines.append(f"destroy {destroy.stage}, {asked}: {destroy.reason}")
    if machine.cordoned:
        lines.append("cordoned: its owner keeps traffic away")
    if machine.volumes:
        lines.append(f"volumes {', '.join(machine.volumes)}")
    return lines


def explain_to_owner(machine: Machine, scene: Scene) -> Explanation:
    """What its owner may know: of the machine alone, not of its host's other work nor of what people say there."""
    host = scene.fleet.hosts.get(machine.host)
    traffic = "may reach it" if routable(machine, host) else "does not reach it"
    known = f"its host is {host.status} since {ago(host.status_since, scene.now)}" if host else "its host is unknown"
    now = (f"{machine.name} ({machine.id}) of {machine.app} is {machine.state}; traffic {traffic}", known)
    return Explanation(
        subject=machine.id,
        kind="machine",
        now=(*now, *_fate_lines(machine, scene)),
        would_change=_machine_changes(machine),
    )


def _machine_changes(machine: Machine) -> tuple[str, ...]:
    match machine.recovery:
        case Recovery.HELD | Recovery.WAITING:
            return (what_would_help(stuck(machine), machine.recovery_reason),)
        case _:
            return ()


def _concerning(decisions: Sequence[Decision], subjects: set[str]) -> list[Decision]:
    return [each for each in decisions if subjects & _named(each)]


def _named(decision: Decision) -> set[str]:
    """Whom a decision is about; an effect's key is its verb and its subjects, parted by colons."""
    in_effects = {part for effect in decision.effects for part in effect.split(":")[1:]}
    return {decision.target, str(decision.facts.get("host", "")), *in_effects}


def _decided(scene: Scene, subjects: set[str]) -> tuple[str, ...]:
    mine = sorted(_concerning(scene.decisions, subjects), key=lambda each: each.at, reverse=True)
    return tuple(decision_line(each, scene.now) for each in mine[:NEWEST])


def _changes(held: Sequence[Decision]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(what_would_help(each.reason, each.text) for each in held))
