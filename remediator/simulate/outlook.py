"""A fleet for whatif without a remediator in reach of our hands: from its public state, or from hosts.yml alone."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from remediator.actions.spec import ActionSpec
from remediator.engine.evidence.lives import LifeTimes
from remediator.engine.evidence.vantages import Vantage, assigned
from remediator.engine.whatif import Assumptions, Fate, stage, whatif
from remediator.model.evidence import Gate, Outcome, Sighting, Vote
from remediator.model.fleet import Fleet
from remediator.model.host import Capacity, Host, HostStatus, Life
from remediator.model.machine import Machine, MachineState, Sealed
from remediator.model.policy import Policy
from remediator.settings import InventoryHost

# Fates whose times differ by less are the same.
SAME = 0.5
_ROOM = Capacity(64, 262_144, 1_048_576)
_LONG = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Change:
    """One host whose fate is another one under other rules."""

    host: str
    before: Fate
    after: Fate


def fates(
    policy: Policy, actions: Mapping[str, ActionSpec], liveness: str, fleet: Fleet, now: datetime
) -> list[Fate]:
    """Every host's fate under that policy."""
    return list(whatif(Assumptions(policy, actions, liveness, LifeTimes()), stage(fleet), now))


def changes(before: Sequence[Fate], after: Sequence[Fate]) -> list[Change]:
    """The hosts whose outcome differs: who blocks, what acts first, or by more than half a second when."""
    known = {fate.host: fate for fate in before}
    pairs = [(known[fate.host], fate) for fate in after if fate.host in known]
    return [Change(was.host, was, becomes) for was, becomes in pairs if _differs(was, becomes)]


def _differs(was: Fate, becomes: Fate) -> bool:
    if (was.blocker, was.action) != (becomes.blocker, becomes.action):
        return True
    return becomes.can_act and abs(was.seconds - becomes.seconds) > SAME


def fleet_of_inventory(inventory: Iterable[InventoryHost], now: datetime) -> Fleet:
    """Every expected host joined, healthy and roomy, with one machine each, and a prober in each rack."""
    hosts = {
        each.name: replace(
            Host(each.name, each.region, each.rack, now - _LONG, now - _LONG, each.role, each.provider),
            labels=dict(each.labels),
            capacity=_ROOM,
            joined=True,
            epoch=1,
        )
        for each in inventory
    }
    vantages = _one_in_each_rack(hosts)
    machines = {machine.id: machine for machine in (_one_machine(host, now) for host in hosts.values())}
    gate = Gate(open=True, reason="", since=now - _LONG)
    return Fleet(hosts, machines, sightings=_seen(hosts, vantages, now), gate=gate, term_began=now - _LONG)


def _one_in_each_rack(hosts: Mapping[str, Host]) -> list[Vantage]:
    places = sorted({(host.region, host.rack) for host in hosts.values()})
    return [Vantage(f"p-{region}-{rack}", region, rack) for region, rack in places]


def _one_machine(host: Host, now: datetime) -> Machine:
    name = f"machine-of-{host.name}"
    sealed = Sealed(name, "1", host.name, 1, "", "", "")
    machine = Machine(name, name, name, host.region, host.name, "1", now, now, MachineState.STARTED)
    return replace(machine, sealed=sealed)


def fleet_of_state(state: Mapping[str, Any], status: Mapping[str, Any], probers: Any, now: datetime) -> Fleet:
    """A running remediator's fleet, from /internal/state, /v1/status and /sd/probe.

    Budgets in use are not told there: remediations count as none.
    """
    told = {each["name"]: each for each in status["hosts"]}
    hosts = {each["name"]: _host(each, told.get(each["name"], {}), now) for each in state.get("hosts", [])}
    machines = {each["id"]: _machine(each, now) for each in state.get("machines", [])}
    labels = [target["labels"] for target in probers]
    vantages = [Vantage(each["vantage"], each["vantage_region"], each["vantage_rack"]) for each in labels]
    # Probers whose page nobody scrapes are not listed: then they are taken to be where the hosts are.
    vantages = vantages or _one_in_each_rack(hosts)
    gate = Gate(open=bool(status["gate"]["open"]), reason=str(status["gate"]["reason"]), since=now - _LONG)
    return Fleet(
        hosts,
        machines,
        sightings=_seen(hosts, vantages, now),
        gate=gate,
        frozen=str(status["frozen"]),
        term_began=now - _LONG,
    )


def _host(row: Mapping[str, Any], told: Mapping[str, Any], now: datetime) -> Host:
    until = told.get("maintenance_until")
    since = datetime.fromisoformat(told["since"]) if told.get("since") else now - _LONG
    return Host(
        row["name"],
        row["region"],
        row["rack"],
        since=since,
        status_since=since,
        role=row["role"],
        provider=row["provider"],
        capacity=Capacity(**row["capacity"]),
        version=row["version"],
        life=Life(row["life"]),
        status=HostStatus(row["status"]),
        died_at=since if row["life"] == Life.DEAD else None,
        cordoned=str(told.get("cordoned") or ""),
        maintenance_until=datetime.fromisoformat(until) if until else None,
        joined=bool(told.get("joined", True)),
        epoch=1,
    )


def _machine(row: Mapping[str, Any], now: datetime) -> Machine:
    """What a machine asks for is not told; it is taken for the smallest."""
    sealed = Sealed(row["id"], "1", row["host"], 1, "", "", "")
    place = (row["id"], row["app"], row["id"], row["region"], row["host"], "1", now, now)
    return Machine(*place, MachineState(row["state"]), {"guest": {"cpus": 0, "memory_mb": 0}}, "", sealed)


def _seen(hosts: Mapping[str, Host], vantages: list[Vantage], now: datetime) -> dict[str, Sighting]:
    """Every seat of every host, healthy; who is lost already stays lost by its life."""
    probed = [host for host in hosts.values() if host.joined and host.life is not Life.RETIRED]
    return {
        name: Sighting(
            name, tuple(Vote(v.name, v.region, v.rack, Outcome.OK, now) for v in seats), now, connected=True
        )
        for name, seats in assigned(probed, vantages).items()
    }
