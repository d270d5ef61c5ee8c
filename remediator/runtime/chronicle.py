"""What the journal keeps so that decisions can be replayed: the gate, freezes, terms, policies, and rows in short.

Only changes are written, a few hundred bytes each; no config, event or sealed box is among them.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from remediator.journal.protocol import Entry, Row, Stored
from remediator.model.decision import Remediation
from remediator.model.evidence import VerdictKind
from remediator.model.fleet import Fleet
from remediator.model.host import Host, Life
from remediator.model.layered import picked
from remediator.model.machine import Machine, Snapshot, Volume
from remediator.model.request import Demand

ROW = "row"
Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Told:
    """What was last written of what is not a row; ``verdicts`` are those of dead hosts that are not *dead*."""

    gate: bool | None = None
    frozen: str = ""
    began: datetime | None = None
    policy: str = ""
    verdicts: frozenset[str] = frozenset()
    backlog: tuple[tuple[str, datetime], ...] = ()
    doubts: tuple[str, ...] = ()


def told_of(fleet: Fleet, policy: str) -> Told:
    """The same of this look."""
    said = [(host.name, fleet.verdicts.get(host.name)) for host in picked(fleet.hosts, "life", Life.DEAD)]
    others = [name for name, verdict in said if verdict is not None and verdict.kind is not VerdictKind.DEAD]
    gate = fleet.gate.open if fleet.gate else None
    backlog = tuple(sorted(fleet.backlog_since.items()))
    return Told(gate, fleet.frozen, fleet.term_began, policy, frozenset(others), backlog, tuple(sorted(fleet.doubts)))


def changes(
    before: Told, after: Told, fleet: Fleet, now: datetime, word: Callable[[], Mapping[str, Any]] = dict
) -> list[Entry]:
    """An entry for each difference; ``word`` is an operator's last signed one about freezing."""
    found: list[Entry] = []
    if after.gate != before.gate and fleet.gate:
        found.append(Entry(now, "gate", "", "store", {"open": fleet.gate.open, "reason": fleet.gate.reason}))
    if after.frozen != before.frozen:
        found.append(Entry(now, "freeze", "", "fleet", {"frozen": after.frozen, **_spoken(after.frozen, word())}))
    if after.began != before.began and after.began:
        found.append(Entry(now, "anew", "", "remediator", {"began": after.began.isoformat()}))
    if after.policy != before.policy:
        found.append(Entry(now, "policy", "", "rules", {"digest": after.policy}))
    if after.backlog != before.backlog:
        found.append(Entry(now, "backlog", "", "rules", {"since": dict(after.backlog)}))
    if after.doubts != before.doubts:
        found.append(Entry(now, "doubts", "", "remediator", {"doubts": dict(fleet.doubts)}))
    return found + _verdicts_told(sorted(before.verdicts ^ after.verdicts), fleet, now)


def _spoken(frozen: str, word: Mapping[str, Any]) -> Body:
    """Whose word it was; nothing where a file, or the end of a freeze, has made it so."""
    if not word or bool(word["frozen"]) != bool(frozen):
        return {}
    return {"by": word["who"], "why": word["why"], "said_at": word["at"], "until": word.get("until")}


def _verdicts_told(names: Iterable[str], fleet: Fleet, now: datetime) -> list[Entry]:
    told = [(name, verdict) for name in names if (verdict := fleet.verdicts.get(name))]
    return [Entry(now, "verdict", "", name, {"kind": each.kind, "reason": each.reason}) for name, each in told]


def rows_told(
    rows: Iterable[Row], stored: Mapping[str, Mapping[str, Stored]], at: datetime | None = None
) -> list[Entry]:
    """An entry for each row whose short form has changed; ``gone`` where it was deleted; ``at`` is when, if known."""
    found = []
    for row in rows:
        short = _SHORT.get(row.kind)
        if short is None:
            continue
        known = stored[row.kind].get(row.id)
        before, after = (short(value) if value is not None else None for value in (known and known.value, row.value))
        if before != after:
            body = {"kind": row.kind, "new": known is None} | ({"gone": True} if after is None else {"row": after})
            found.append(Entry(at or _when(row, known), ROW, "", row.id, body))
    return found


_MOMENTS = (
    "recovery_at", "updated_at", "since", "created_at", "last_asked", "opened_at", "closed_at", "at",
    "asked_at", "answered_at", "moved_at",
)  # fmt: skip


def _when(row: Row, known: Stored | None) -> datetime:
    """The newest moment that the row itself names; entries are in order, whatever it says."""
    value = row.value if row.value is not None else known.value if known else None
    moments: list[datetime] = [at for name in _MOMENTS if (at := getattr(value, name, None)) is not None]
    return max(moments)


def _host(host: Host) -> Body:
    return {
        "region": host.region, "rack": host.rack, "role": host.role, "provider": host.provider,
        "labels": host.labels, "version": host.version, "capacity": host.capacity, "epoch": host.epoch,
        "life": host.life, "status": host.status, "since": host.since, "died_at": host.died_at,
        "fence": host.fence, "cordoned": host.cordoned, "maintenance_until": host.maintenance_until,
        "joined": host.joined,
    }  # fmt: skip


def _machine(machine: Machine) -> Body:
    return {
        "app": machine.app, "name": machine.name, "region": machine.region, "host": machine.host,
        "instance_id": machine.instance_id, "state": machine.state, "volumes": machine.volumes,
        "guest": machine.config.get("guest") or {}, "replaces": machine.replaces, "adopted": machine.adopted,
        "replaced_by": machine.replaced_by, "recovery": machine.recovery, "created_at": machine.created_at,
        "sealed": machine.sealed.instance_id if machine.sealed else "", "condemned_at": machine.condemned_at,
    }  # fmt: skip


def _volume(volume: Volume) -> Body:
    return {
        "app": volume.app, "name": volume.name, "region": volume.region, "host": volume.host,
        "size_mb": volume.size_mb, "state": volume.state, "machine": volume.machine,
        "created_at": volume.created_at, "restored_from": volume.restored_from,
        "superseded_by": volume.superseded_by,
    }  # fmt: skip


def _snapshot(snapshot: Snapshot) -> Body:
    return {"volume": snapshot.volume, "app": snapshot.app, "created_at": snapshot.created_at}


def _demand(demand: Demand) -> Body:
    return {
        "app": demand.app, "region": demand.region, "size": demand.size, "count": demand.count,
        "first_asked": demand.first_asked,
    }  # fmt: skip


def _remediation(remediation: Remediation) -> Body:
    return {
        "playbook": remediation.playbook, "target": remediation.target, "opened_at": remediation.opened_at,
        "steps": remediation.steps, "closed_at": remediation.closed_at, "outcome": remediation.outcome,
        "earlier": remediation.earlier, "verified": remediation.verified,
    }  # fmt: skip


_SHORT: dict[str, Any] = {
    "Host": _host,
    "Machine": _machine,
    "Volume": _volume,
    "Snapshot": _snapshot,
    "Demand": _demand,
    "Loan": asdict,
    "Remediation": _remediation,
    "OperatorHold": asdict,
    "Release": asdict,
    "Approval": asdict,
    "Record": asdict,
}
