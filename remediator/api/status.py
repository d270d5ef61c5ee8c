"""`GET /v1/status`: one document with everything an operator looks at first."""

from heapq import nsmallest
from typing import Any

from remediator.api.control import Control
from remediator.api.explaining.remedies import what_would_help
from remediator.api.explaining.whatif import summary_doc
from remediator.api.people.docs import people_docs
from remediator.api.shapes import slices, status_of
from remediator.api.state.docs import capacity_doc
from remediator.api.volumes.docs import volume_doc
from remediator.engine.whatif import Fate, Outlook
from remediator.model.alert import Alert, AlertState
from remediator.model.decision import Decision
from remediator.model.fleet import Fleet, routable
from remediator.model.host import Host
from remediator.model.machine import Machine, MachineState, Recovery
from remediator.model.request import Burst, Destroy, Migration, MigrationStage, Operation, Stage

NEWEST_DECISIONS = 40
NEWEST_REQUESTS = 20
# A storm of alerts, our own or told by others, is not to be drawn one by one each second.
MOST_ALERTS = 500


def status_doc(control: Control, version: str) -> dict[str, Any]:
    """All that the page shows; ``now`` is our clock, ages are told from it."""
    fleet = control.fleet()
    return {
        "now": control.now(),
        "version": version,
        "sequence": control.sequence(),
        "unready": control.unready(),
        "degraded": control.degraded(),
        "gate": _gate_doc(fleet),
        "frozen": control.frozen(),
        "modes": dict(control.modes()),
        "rules": control.rules(),
        "whatif": summary_doc(control.outlook()),
        "hosts": _host_docs(fleet, control.outlook()),
        "machines": _machine_docs(fleet),
        "volumes": [
            {**volume_doc(each, fleet.hosts.get(each.host)), "app": each.app, "host": each.host}
            for each in sorted(fleet.volumes.values(), key=lambda each: (each.app, each.created_at, each.id))
        ],
        "alerts": [_alert_doc(alert) for alert in _by_urgency(fleet.alerts)],
        "alerts_total": len(fleet.alerts),
        "decisions": [decision_doc(each) for each in control.decisions(NEWEST_DECISIONS)],
        "holds": [_hold_doc(each) for each in control.holds()],
        **_request_docs(fleet),
        **people_docs(fleet, control.now()),
    }


def _request_docs(fleet: Fleet) -> dict[str, Any]:
    migrations = sorted(fleet.migrations.values(), key=lambda each: (not each.open, -each.asked_at.timestamp()))
    bursts = sorted(fleet.bursts.values(), key=lambda each: (not each.open, -each.asked_at.timestamp()))
    destroys = sorted(fleet.destroys.values(), key=lambda each: (not each.open, each.asked_at))
    return {
        "destroys": [_destroy_doc(each, fleet) for each in destroys if each.open],
        "destroyed": sum(1 for each in destroys if not each.open),
        "migrations": [_migration_doc(each, fleet) for each in migrations[:NEWEST_REQUESTS]],
        "bursts": [_burst_doc(each) for each in bursts[:NEWEST_REQUESTS]],
        "demands": [
            {"region": each.region, "app": each.app, "count": each.count, "first_asked": each.first_asked}
            for each in fleet.demands.values()
        ],
        "operations": [_operation_doc(each) for each in fleet.operations.values() if _notable(each)],
    }


def decision_doc(decision: Decision) -> dict[str, Any]:
    return {
        "id": decision.id,
        "at": decision.at,
        "playbook": decision.playbook,
        "target": decision.target,
        "action": decision.action,
        "outcome": decision.outcome,
        "reason": decision.reason,
        "text": decision.text,
        "facts": decision.facts,
        "effects": decision.effects,
    }


def _hold_doc(hold: Decision) -> dict[str, Any]:
    return {**decision_doc(hold), "would_change": what_would_help(hold.reason, hold.text)}


def _gate_doc(fleet: Fleet) -> dict[str, Any]:
    if fleet.gate is None:
        return {"open": False, "reason": "no reading yet", "since": None}
    return {"open": fleet.gate.open, "reason": fleet.gate.reason, "since": fleet.gate.since}


def _host_docs(fleet: Fleet, outlook: Outlook) -> list[dict[str, Any]]:
    parts = slices(fleet)
    fates = {fate.host: fate for fate in outlook.fates}
    ordered = sorted(fleet.hosts.values(), key=lambda host: (host.region, host.rack, host.name))
    return [_host_doc(host, fleet, parts[host.name]) | _fate_doc(fates.get(host.name)) for host in ordered]


def _host_doc(host: Host, fleet: Fleet, part: Fleet) -> dict[str, Any]:
    verdict = fleet.verdicts.get(host.name)
    here = [each for each in part.machines_on(host.name) if each.state is not MachineState.DESTROYED]
    return {
        "name": host.name,
        "region": host.region,
        "rack": host.rack,
        "role": host.role,
        "address": host.address,
        "version": host.version,
        "epoch": host.epoch,
        "status": host.status,
        "status_since": host.status_since,
        "life": host.life,
        "since": host.since,
        "reason": host.reason,
        "verdict": verdict.kind if verdict else "no_evidence",
        "verdict_reason": verdict.reason if verdict else "",
        "votes": [verdict.silent, verdict.assigned, verdict.outside_rack] if verdict else [0, 0, 0],
        "fence": host.fence,
        "fence_by": host.fence_by,
        "cordoned": host.cordoned,
        "maintenance_until": host.maintenance_until,
        "joined": host.joined,
        "takes_work": host.takes_work,
        "machines": len(here),
        "serving": sum(1 for each in here if routable(each, host)),
        "capacity": capacity_doc(host.capacity),
        "free": capacity_doc(part.free_on(host)),
    }


def _fate_doc(fate: Fate | None) -> dict[str, Any]:
    """What would block the host's remedy, were it to die; null while nobody has looked."""
    return {"blocker": fate.blocker if fate else None, "blocker_text": fate.text if fate else ""}


def _machine_docs(fleet: Fleet) -> list[dict[str, Any]]:
    standing = [each for each in fleet.machines.values() if each.state is not MachineState.DESTROYED]
    ordered = sorted(standing, key=lambda each: (each.app, each.name, each.created_at, each.id))
    return [_machine_doc(each, fleet) for each in ordered]


def _machine_doc(machine: Machine, fleet: Fleet) -> dict[str, Any]:
    host = fleet.hosts.get(machine.host)
    return {
        "id": machine.id,
        "app": machine.app,
        "name": machine.name,
        "host": machine.host,
        "region": machine.region,
        "state": machine.state,
        "host_status": status_of(machine, host),
        "routable": routable(machine, host),
        "condemned": machine.condemned,
        "adopted": machine.adopted,
        "recovery": machine.recovery,
        "replaced_by": machine.replaced_by,
        "replaces": machine.replaces,
        "volumes": machine.volumes,
        "since": machine.recovery_at or machine.updated_at,
        "why": why(machine, host),
    }


def why(machine: Machine, host: Host | None) -> str:
    """The one sentence that tells what is the matter with a machine; empty when nothing is."""
    if machine.condemned:
        return machine.condemned_why
    if machine.recovery is not Recovery.NONE and machine.recovery_reason:
        return machine.recovery_reason
    if machine.adopted:
        return "found running, unknown to us: held"
    if host is None:
        return f"its host {machine.host} is not known"
    if host.status.value != "ok":
        return f"its host {host.name} is {host.status}"
    return "cordoned: its owner keeps traffic away" if machine.cordoned else ""


def _by_urgency(alerts: tuple[Alert, ...]) -> list[Alert]:
    order = {AlertState.FIRING: 0, AlertState.PENDING: 1, AlertState.RESOLVED: 2}
    return nsmallest(
        MOST_ALERTS, alerts, key=lambda each: (order[each.state], -each.active_at.timestamp(), each.name)
    )


def _alert_doc(alert: Alert) -> dict[str, Any]:
    return {
        "name": alert.name,
        "state": alert.state,
        "playbook": alert.playbook,
        "labels": alert.labels,
        "active_at": alert.active_at,
        "fired_at": alert.fired_at,
        "resolved_at": alert.resolved_at,
        "value": alert.value,
        "summary": alert.annotations.get("summary", ""),
        "actionable": alert.actionable,
    }


def _destroy_doc(destroy: Destroy, fleet: Fleet) -> dict[str, Any]:
    machine = fleet.machines.get(destroy.machine)
    return {
        "machine": destroy.machine,
        "name": machine.name if machine else "",
        "app": destroy.app,
        "host": destroy.host,
        "origin": destroy.origin,
        "reason": destroy.reason,
        "stage": destroy.stage,
        "asked_at": destroy.asked_at,
    }


def _migration_doc(migration: Migration, fleet: Fleet) -> dict[str, Any]:
    machine = fleet.machines.get(migration.machine)
    return {
        "machine": migration.machine,
        "name": machine.name if machine else "",
        "source": migration.source,
        "target": migration.target,
        "stage": migration.stage,
        "stuck": migration.stage is MigrationStage.STUCK,
        "open": migration.open,
        "reason": migration.reason,
        "note": migration.note,
        "asked_at": migration.asked_at,
    }


def _burst_doc(burst: Burst) -> dict[str, Any]:
    return {
        "id": burst.id,
        "region": burst.region,
        "hosts": burst.hosts,
        "names": burst.names,
        "stage": burst.stage,
        "open": burst.open,
        "note": burst.note,
        "asked_at": burst.asked_at,
    }


def _notable(operation: Operation) -> bool:
    """Under way, or failed: what went well is told by its effect."""
    return operation.open or operation.stage is Stage.FAILED


def _operation_doc(operation: Operation) -> dict[str, Any]:
    return {
        "verb": operation.verb,
        "host": operation.host,
        "machine": operation.machine,
        "stage": operation.stage,
        "attempts": operation.attempts,
        "error": operation.error,
        "written_at": operation.written_at,
    }
