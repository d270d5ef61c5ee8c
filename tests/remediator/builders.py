"""Small functions that build the nouns of a fleet; everything is at noon unless a test says otherwise."""

from datetime import UTC, datetime, timedelta
from typing import Any

from remediator.actions import ACTIONS
from remediator.actions.spec import Case
from remediator.model.alert import Alert, AlertState
from remediator.model.decision import Remediation
from remediator.model.evidence import Gate, Outcome, Sighting, Verdict, VerdictKind, Vote
from remediator.model.fleet import Fleet
from remediator.model.host import Capacity, Fence, Host, HostStatus, Life
from remediator.model.machine import Machine, MachineState, Sealed, Volume
from remediator.model.policy import Budget, Correlated, EvidenceGuard, Limits, Mode, Playbook, Policy, Share, Step
from remediator.model.request import Destroy, DestroyStage, Operation, Origin

__all__ = ["ACTIONS"]

NOON = datetime(2026, 8, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
OPEN = Gate(open=True, reason="", since=NOON)
CLOSED = Gate(open=False, reason="store is silent", since=NOON)
BIG = Capacity(8.0, 8192, 8192)
DEAD_AGO = timedelta(seconds=4)


def host(name: str = "h1", rack: str = "r1", **more: Any) -> Host:
    """A healthy host of region arn, joined, with room."""
    held: dict[str, Any] = {
        "region": "arn",
        "rack": rack,
        "since": NOON - timedelta(hours=1),
        "status_since": NOON - timedelta(hours=1),
        "capacity": BIG,
        "address": "10.77.0.11",
        "agent_port": 9080,
        "boot_id": f"boot-{name}",
        "epoch": 1,
        "joined": True,
    }
    return Host(name, **(held | more))


def dead(name: str = "h1", rack: str = "r1", ago: timedelta = DEAD_AGO, **more: Any) -> Host:
    """A host that died ``ago``."""
    held: dict[str, Any] = {
        "life": Life.DEAD,
        "status": HostStatus.UNREACHABLE,
        "since": NOON - ago,
        "died_at": NOON - ago,
    }
    return host(name, rack, **(held | more))


def returning(name: str = "h1", rack: str = "r1", ago: timedelta = SECOND, **more: Any) -> Host:
    """A host that came back ``ago`` and is not yet admitted."""
    held: dict[str, Any] = {
        "life": Life.RETURNING,
        "status": HostStatus.UNKNOWN,
        "since": NOON - ago,
        "died_at": NOON - timedelta(minutes=1),
        "returned_at": NOON - ago,
        "epoch": 2,
    }
    return host(name, rack, **(held | more))


def proved(known: Host) -> Host:
    """The same host with proof that it is off."""
    held = {name: getattr(known, name) for name in known.__dataclass_fields__}
    return Host(**(held | {"fence": Fence.PROVED, "fence_by": "bmc", "fence_at": NOON}))


def sealed(machine: str, instance: str, on: str = "h1") -> Sealed:
    return Sealed(machine, instance, on, 1, "digest", "box", "signature")


def machine(identifier: str = "m1", on: str = "h1", **more: Any) -> Machine:
    """A started stateless machine of app web, with a sealed copy of its config."""
    held: dict[str, Any] = {
        "app": "web",
        "name": f"name-{identifier}",
        "region": "arn",
        "host": on,
        "instance_id": f"I-{identifier}",
        "created_at": NOON,
        "updated_at": NOON,
        "state": MachineState.STARTED,
        "config": {"guest": {"cpus": 1, "memory_mb": 256}},
        "sealed": sealed(identifier, f"I-{identifier}", on),
    }
    return Machine(identifier, **(held | more))


def volume(identifier: str = "v1", on: str = "h1", size_mb: int = 100, **more: Any) -> Volume:
    return Volume(identifier, "db", "data", "arn", on, size_mb, NOON, **more)


def destroy(machine_id: str = "m1", on: str = "h1", **more: Any) -> Destroy:
    held: dict[str, Any] = {
        "origin": Origin.AUTOMATIC,
        "reason": "replaced",
        "asked_at": NOON,
        "stage": DestroyStage.QUEUED,
    }
    return Destroy(machine_id, "web", on, **(held | more))


def operation(key: str = "k1", verb: str = "start", on: str = "h1", **more: Any) -> Operation:
    held: dict[str, Any] = {"args": {}, "origin": Origin.AUTOMATIC, "written_at": NOON}
    return Operation(key, verb, on, **(held | more))


def vote(vantage: str, outcome: Outcome | None, *, rack: str = "r2", ago: float = 0.5, silent_for: float = 5) -> Vote:
    """A vote received ``ago`` seconds; a silent one has been so for ``silent_for``."""
    received = NOON - ago * SECOND if outcome else None
    since = NOON - silent_for * SECOND if outcome is Outcome.SILENT else None
    return Vote(vantage, "arn", rack, outcome, received, since)


def sighting(name: str, *votes: Vote, heart: float | None = 60, **more: Any) -> Sighting:
    """What is seen of a host; ``heart`` is the age of its last heartbeat in seconds."""
    beat = NOON - heart * SECOND if heart is not None else None
    return Sighting(name, votes, beat, connected=more.pop("connected", False), **more)


def verdict(name: str = "h1", kind: VerdictKind = VerdictKind.DEAD, **more: Any) -> Verdict:
    """A verdict with three of three vantages silent, two of them outside its rack."""
    held: dict[str, Any] = {
        "since": NOON - DEAD_AGO,
        "reason": "told",
        "silent": 3,
        "assigned": 3,
        "outside_rack": 2,
        "suspect_since": NOON - 2 * DEAD_AGO,
        "newest": NOON - SECOND / 2,
    }
    return Verdict(name, kind, **(held | more))


def alert(name: str = "h1", playbook: str = "host_dead", **more: Any) -> Alert:
    """A firing alert that may be acted upon."""
    labels = more.pop("labels", {"host": name, "playbook": playbook})
    held: dict[str, Any] = {"state": AlertState.FIRING, "active_at": NOON, "value": 1.0, "actionable": True}
    return Alert(f"{playbook}/{name}", "HostDead", labels, **(held | more))


def fleet(*things: Any, **more: Any) -> Fleet:
    """A fleet of whatever nouns are given, with an open gate; each finds its own mapping."""
    found: dict[str, dict[str, Any]] = {}
    for thing in things:
        place, key = _PLACES[type(thing).__name__]
        found.setdefault(place, {})[getattr(thing, key)] = thing
    return Fleet(**({"gate": OPEN} | found | more))


_PLACES = {
    "Host": ("hosts", "name"),
    "Machine": ("machines", "id"),
    "Volume": ("volumes", "id"),
    "Snapshot": ("snapshots", "id"),
    "Destroy": ("destroys", "machine"),
    "Migration": ("migrations", "id"),
    "Burst": ("bursts", "id"),
    "Demand": ("demands", "key"),
    "Loan": ("loans", "host"),
    "Operation": ("operations", "key"),
    "Remediation": ("remediations", "key"),
    "Sighting": ("sightings", "host"),
    "Verdict": ("verdicts", "host"),
    "Suspicion": ("suspicions", "host"),
    "BaseRate": ("base_rates", "id"),
    "Incident": ("incidents", "id"),
    "Release": ("releases", "id"),
}


def playbook(name: str = "host_dead", **more: Any) -> Playbook:
    """The shipped playbook for a dead host, budgets for two at once."""
    held: dict[str, Any] = {
        "mode": Mode.AUTO,
        "target": "host",
        "steps": (Step("mark_host_dead"), Step("recreate"), Step("condemn")),
        "evidence": EvidenceGuard(verdict="dead"),
        "budgets": (Budget("region", max_in_flight=Share(0.01, 2)),),
        "correlated": Correlated(),
    }
    return Playbook(name, **(held | more))


def policy(*playbooks: Playbook, limits: Limits | None = None) -> Policy:
    held = playbooks or (playbook(),)
    return Policy(playbooks={book.name: book for book in held}, limits=limits or Limits())


def case(on: Fleet, target: str = "h1", book: Playbook | None = None, **more: Any) -> Case:
    """One playbook asked to act on one target at noon."""
    used = book or playbook()
    fresh = on.remediations.get(f"{used.name}/{target}") or Remediation(used.name, target, NOON)
    return Case(used, target, on.hosts.get(target), more.pop("remediation", fresh), on, Limits(), NOON)


def remediation(name: str = "h1", *steps: str, playbook: str = "host_dead", ago: float = 60) -> Remediation:
    """An open remediation that began ``ago`` seconds before noon."""
    began = NOON - ago * SECOND
    return Remediation(playbook, name, began, dict.fromkeys(steps, began))
