"""Waits that no playbook decides: returned hosts not yet admitted, and destroys that may not be sent now."""

import hashlib
from collections.abc import Iterator
from datetime import datetime
from itertools import chain

from remediator.engine.guards.facts import GUARDS
from remediator.engine.guards.guard import Facts
from remediator.engine.guards.holds import hold_on, of_host, of_machine, words
from remediator.engine.guards.self_fencing import fenced, grave
from remediator.engine.machines import destroys
from remediator.engine.machines.admission import GATE_SHUT, admission
from remediator.model.decision import Decision, DecisionOutcome, Hold
from remediator.model.fleet import Fleet
from remediator.model.host import Life
from remediator.model.layered import picked
from remediator.model.request import Destroy, Origin

RECONCILE = "reconcile"


def may_send(destroy: Destroy, fleet: Fleet, now: datetime) -> str:
    """Why an automatic destroy is not sent now; empty when it may be. Owners' requests always may."""
    hold = unsent(facts_of(destroy, fleet, now))
    return hold.reason if hold else ""


def kept(destroy: Destroy, fleet: Fleet, now: datetime) -> str:
    """The person's word that keeps an automatic destroy from being carried out now; empty without one."""
    hold = unsent({**facts_of(destroy, fleet, now), "doubts": {}, "gate": True})
    return hold.text if hold else ""


def facts_of(destroy: Destroy, fleet: Fleet, now: datetime) -> Facts:
    """What decides whether a destroy is sent."""
    if destroy.origin is not Origin.AUTOMATIC:
        return {"asked_by": destroy.origin.value}
    held = hold_on(fleet, chain(of_host(fleet, destroy.host), of_machine(fleet, destroy.machine)), now)
    gate_open = bool(fleet.gate and fleet.gate.open)
    facts: Facts = {"frozen": fleet.frozen, "held": words(held) if held else "", "gate": gate_open}
    host = fleet.hosts.get(destroy.host)
    if host is not None and host.maintenance_until is not None and now < host.maintenance_until:
        facts["maintenance"] = f"{host.name} is in maintenance until {host.maintenance_until:%Y-%m-%d %H:%M:%S}Z"
    # A full disk keeps destroys going: what is condemned must not live on for lack of room.
    doubts = grave(fleet)
    return {**facts, "doubts": doubts} if doubts else facts


def unsent(facts: Facts) -> Hold | None:
    """The word that follows."""
    if "asked_by" in facts:
        return None
    if facts["frozen"]:
        return Hold("Frozen", f"all acting is stopped: {facts['frozen']}")
    if facts["held"]:
        return Hold("OperatorHold", facts["held"])
    if facts.get("maintenance"):
        return Hold("Maintenance", facts["maintenance"])
    if facts.get("doubts"):
        return fenced(facts)
    return None if facts["gate"] else Hold("GateClosed", GATE_SHUT)


def not_admitted(facts: Facts) -> Hold | None:
    """A host that is back and is not let in yet."""
    return Hold("NotAdmitted", facts["why"]) if facts["why"] else None


def waits(fleet: Fleet, now: datetime) -> Iterator[Decision]:
    """A hold for each thing that waits, so that people see it and its reason like any other."""
    counts: dict[tuple[str, str], int] = {}
    first: dict[tuple[str, str], Facts] = {}
    for destroy in destroys.due(fleet):
        facts = facts_of(destroy, fleet, now)
        if hold := unsent(facts):
            place = destroy.host, hold.reason
            counts[place] = counts.get(place, 0) + 1
            first.setdefault(place, facts)
    for (host, reason), count in counts.items():
        told = f"{count} condemned machines on {host} are not destroyed yet"
        yield _hold(host, "destroy", Hold(reason, told, {GUARDS: {"unsent": first[host, reason]}}), now)
    for back in picked(fleet.hosts, "life", Life.RETURNING):
        found = admission(fleet, back, now)
        if isinstance(found, str):
            read = {GUARDS: {"not_admitted": {"why": f"{back.name} is back: {found}"}}}
            yield _hold(back.name, "admit", Hold("NotAdmitted", read[GUARDS]["not_admitted"]["why"], read), now)


def _hold(host: str, action: str, hold: Hold, now: datetime) -> Decision:
    seed = f"{RECONCILE}/{host}/{action}/{hold.reason}/{now.isoformat()}"
    identifier = hashlib.blake2b(seed.encode(), digest_size=6).hexdigest()
    outcome = DecisionOutcome.HOLD
    return Decision(identifier, now, RECONCILE, host, action, outcome, hold.reason, hold.text, hold.facts)
