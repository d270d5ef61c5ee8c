"""Poison: a machine whose last two hosts each died soon after it started there may be what kills them. PURE."""

from datetime import datetime, timedelta

from remediator.model.fleet import Fleet
from remediator.model.machine import Machine

_STARTS = frozenset({"started", "start", "launch"})


def poisoned(fleet: Fleet, machine: Machine, within: timedelta) -> str:
    """Why it is not to be started again; empty while nothing speaks against it, or a person let it go."""
    before = fleet.machines.get(machine.replaces)
    if before is None or machine.quarantine_lifted_at is not None:
        return ""
    here, there = _killed(fleet, machine, within), _killed(fleet, before, within)
    if not here or not there or here == there:
        return ""
    minutes = within.total_seconds() / 60
    return f"quarantined: its last two hosts, {there} and {here}, each died within {minutes:.0f} min of its start"


def _killed(fleet: Fleet, machine: Machine, within: timedelta) -> str:
    """The host that died so soon after the machine's start there, if it did."""
    host = fleet.hosts.get(machine.host)
    if host is None or host.died_at is None:
        return ""
    return host.name if timedelta() <= host.died_at - started_at(machine, host.died_at) <= within else ""


def started_at(machine: Machine, until: datetime) -> datetime:
    """Its last start before that moment, as far as its events tell; else when it was made."""
    starts = [event.at for event in machine.events if event.kind in _STARTS and event.at <= until]
    return max(starts, default=machine.created_at)
