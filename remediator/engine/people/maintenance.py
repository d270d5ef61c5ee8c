"""Maintenance: nothing automatic while it lasts; then the host is seen healthy once, or a person is asked. PURE."""

from dataclasses import replace
from datetime import datetime

from remediator.actions.spec import Case
from remediator.engine.guards.guard import Facts, Guard
from remediator.model.decision import Hold
from remediator.model.evidence import Verdict, VerdictKind
from remediator.model.host import Host, Life


def seen_healthy(host: Host, verdict: Verdict | None, now: datetime) -> Host:
    """The host without its maintenance, if that has ended and the host is plainly alive since."""
    over = host.maintenance_until is not None and host.maintenance_until <= now
    alive = verdict is not None and verdict.kind is VerdictKind.ALIVE and host.life is Life.HEALTHY
    if not over or not alive:
        return host
    return replace(host, maintenance_until=None, maintenance_by="", maintenance_why="")


def _read(case: Case) -> Facts | None:
    until = case.host.maintenance_until if case.host else None
    return {"until": until.isoformat(timespec="seconds"), "over": until <= case.now} if until else None


def _judge(facts: Facts) -> Hold:
    if facts["over"]:
        told = f"its maintenance ended {facts['until']}, and it was not seen healthy since"
        return Hold("MaintenanceOver", told, asks=True)
    return Hold("Maintenance", f"in maintenance until {facts['until']}")


maintenance = Guard("maintenance", _read, _judge)
