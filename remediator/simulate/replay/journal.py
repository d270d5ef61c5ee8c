"""The past from the journal: rows in short as they changed, host entries, gate, freezes, terms, decisions."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

import msgspec

from remediator.journal.protocol import Entry
from remediator.journal.reading import JournalReader
from remediator.model.decision import Decision
from remediator.model.host import Host
from remediator.model.machine import GONE, Machine, MachineState, Recovery, Snapshot, Volume
from remediator.model.people import Answer
from remediator.model.request import Origin
from remediator.simulate.replay.lives import as_well, changed
from remediator.simulate.replay.past import ROOT, Befell, Past, Stretch, in_order

Value = dict[str, Any]
_KINDS = (
    "row", "host", "gate", "freeze", "anew", "term", "policy", "verdict", "condemned", "backlog", "doubts",
    "decision",
)  # fmt: skip


def past_of(journal: JournalReader, stretch: Stretch) -> Past:
    """All that the journal knows of that stretch."""
    past = Past()
    pruned = journal.begins()
    if pruned and stretch.start < pruned:
        told = f"what the journal told until {pruned:%Y-%m-%d %H:%M:%S} was pruned"
        past.notes.append(f"{told}: there only its snapshot speaks")
    entries = _in_time(journal.between(_KINDS, stretch.start, stretch.end), stretch.start)
    rows = [entry for entry in entries if entry.kind == "row"]
    _begin(past, journal, rows, stretch)
    _standing(past, journal, stretch)
    whole = any(entry.body.get("kind") == "Host" for entry in rows) or bool(past.sources.get("rows"))
    befell = [each for entry in entries if (each := _befell(entry, past, whole=whole))]
    past.befell = in_order([*past.befell, *befell])
    past.decisions = [decision_of(entry) for entry in entries if entry.kind == "decision"]
    past.standing = [decision_of(entry) for entry in journal.last_before("decision", stretch.start)]
    past.names = _names(past, rows)
    past.away = list(_away(entries))
    past.policies += [(entry.at, entry.body["digest"]) for entry in entries if entry.kind == "policy"]
    past.sources = {"fleet": "journal", "evidence": "journal", "gate": past.sources.get("gate", "journal")}
    return past


def _away(entries: Iterable[Entry]) -> Iterator[tuple[datetime, datetime]]:
    """From when the term before was last seen until the next one began; nothing was decided then."""
    for entry in entries:
        seen = entry.body.get("seen_before") if entry.kind == "term" else None
        if seen and datetime.fromisoformat(seen) < entry.at:
            yield datetime.fromisoformat(seen), entry.at


def decision_of(entry: Entry) -> Decision:
    return msgspec.convert(entry.body, Decision, strict=False)


def _names(past: Past, rows: list[Entry]) -> dict[str, str]:
    """What machines are called, those too that came later and in another's place."""
    told = [entry for entry in rows if entry.body["kind"] == "Machine" and "row" in entry.body]
    later = {entry.subject: "{app}/{name}".format_map(entry.body["row"]) for entry in told}
    return {key: f"{machine.app}/{machine.name}" for key, machine in past.rows["Machine"].items()} | later


def _in_time(entries: Iterable[Entry], since: datetime) -> list[Entry]:
    """A row names its own moment, which may be an old one: it happened when its transaction did."""
    found: list[Entry] = []
    for entry in entries:
        since = max(since, entry.at)
        found.append(replace(entry, at=since) if entry.kind == "row" else entry)
    return found


def _begin(past: Past, journal: JournalReader, later: list[Entry], stretch: Stretch) -> None:
    """The fleet as it was: the last short rows before; what has none is taken from today's rows, rolled back."""
    known: set[tuple[str, str]] = set()
    for entry in journal.last_before("row", stretch.start):
        kind = entry.body["kind"]
        known.add((kind, entry.subject))
        if kind in ROOT and not entry.body.get("gone"):
            past.rows[kind][entry.subject] = row_of(kind, entry.subject, entry.body["row"])
    past.sources["rows"] = "history" if known else ""
    known |= {(entry.body["kind"], entry.subject) for entry in later if entry.body.get("new")}
    lives = {entry.subject: entry.body for entry in journal.last_before("host", stretch.start)}
    for kind in ROOT:
        for identifier, value in journal.rows(kind).items():
            if (kind, identifier) in known:
                continue
            before = _rolled_back(value, lives.get(identifier), stretch.start)
            if before is not None:
                past.rows[kind][identifier] = before
            elif (born := _born_later(value, stretch)) is not None:
                past.befell.append(born)
    past.racks = {vantage.name: vantage.rack for vantage in journal.rows("Enrolment").values()}


def _rolled_back(value: Any, life: Value | None, at: datetime) -> Any:
    """Today's row as it must have been then; None if it was not yet there."""
    match value:
        case Host():
            return _lived(as_well(value, at), life, at) if value.joined else value
        case Machine() if value.created_at <= at and value.state not in GONE:
            return replace(value, recovery=Recovery.NONE, replaced_by="", events=())
        case Machine() if value.created_at <= at:
            again = replace(value, state=MachineState.STARTED, condemned_at=None, events=(), replaced_by="")
            return None if (value.condemned_at or at) <= at else replace(again, recovery=Recovery.NONE)
        case Volume() if value.created_at <= at:
            return replace(value, superseded_by="")
        case Snapshot() if value.created_at <= at:
            return value
    return None


def _born_later(value: Any, stretch: Stretch) -> Befell | None:
    """Today's row of something that its owner made within the stretch."""
    if not isinstance(value, Machine | Volume | Snapshot) or not stretch.holds(value.created_at):
        return None
    if getattr(value, "replaces", "") or getattr(value, "restored_from", ""):
        return None
    before = _rolled_back(value, None, value.created_at)
    return Befell(value.created_at, type(value).__name__.lower(), value.id, before) if before else None


def _lived(host: Host, life: Value | None, at: datetime) -> Host:
    if life is None:
        return host
    told: Value = {name: life[name] for name in ("life", "status", "fence") if name in life}
    lost = {"died_at": at} if life.get("life") == "dead" else {}
    return changed(host, host.name, {**told, **lost, "since": at})


def _standing(past: Past, journal: JournalReader, stretch: Stretch) -> None:
    """Gate, freeze, term and backlog as they stood at the beginning."""
    for kind in ("gate", "freeze", "anew", "term", "policy", "backlog", "doubts"):
        for entry in journal.last_before(kind, stretch.start):
            _stood(past, entry)
    told = next(iter(journal.last_before("gate", stretch.end)), None)
    if told is None:
        past.sources["gate"] = "taken as open: this journal does not tell"


def _stood(past: Past, entry: Entry) -> None:
    match entry.kind:
        case "gate":
            past.gate_open, past.gate_reason = bool(entry.body["open"]), str(entry.body["reason"])
        case "freeze":
            past.frozen = str(entry.body["frozen"])
        case "doubts":
            past.doubts = dict(entry.body["doubts"])
        case "policy":
            past.policies.append((entry.at, entry.body["digest"]))
        case "backlog":
            past.backlog_since = msgspec.convert(entry.body["since"], dict[str, datetime], strict=False)
        case _:
            past.began = max(entry.at, past.began or entry.at)


def _befell(entry: Entry, past: Past, *, whole: bool) -> Befell | None:
    body, at = entry.body, entry.at
    match entry.kind:
        case "row":
            return _row_befell(entry)
        case "host":
            return Befell(at, "heard" if whole else "host", entry.subject, _heard(body, past))
        case "gate":
            return Befell(at, "gate", "store", (bool(body["open"]), str(body["reason"])))
        case "condemned":
            ours = body.get("origin") == Origin.AUTOMATIC
            return None if ours else Befell(at, "destroyed_by", entry.subject, str(body.get("why", "")))
        case "term":
            return Befell(at, "anew", "remediator")
        case _:
            return _stood_then(entry)


def _stood_then(entry: Entry) -> Befell | None:
    body, at = entry.body, entry.at
    match entry.kind:
        case "freeze":
            return Befell(at, "frozen", "fleet", str(body["frozen"]))
        case "anew":
            return Befell(at, "anew", "remediator")
        case "doubts":
            return Befell(at, "doubts", "remediator", dict(body["doubts"]))
        case "backlog":
            return Befell(at, "backlog", "rules", msgspec.convert(body["since"], dict[str, datetime], strict=False))
        case "verdict":
            # The life's own verdict needs no telling.
            return Befell(at, "verdict", entry.subject, "" if body["kind"] == "dead" else str(body["kind"]))
        case _:
            return None


def _heard(body: Value, past: Past) -> Value:
    told: Value = {name: body[name] for name in ("life", "status", "fence", "epoch") if name in body}
    since = body.get("suspect_since")
    told["suspect_since"] = datetime.fromisoformat(since) if since else None
    return {**told, "silent": _silent(body.get("votes", {}), past)} if body.get("votes") else told


def _silent(votes: Value, past: Past) -> tuple[int, dict[str, int]]:
    """How many vantages were asked, and how many heard nothing, by rack."""
    racks: dict[str, int] = {}
    for vantage, outcome in votes.items():
        if outcome == "silent":
            rack = past.racks.get(f"vantage/{vantage}", past.racks.get(vantage, ""))
            racks[rack] = racks.get(rack, 0) + 1
    return len(votes), racks


def _row_befell(entry: Entry) -> Befell | None:
    body, kind = entry.body, entry.body["kind"]
    row: Value | None = body.get("row")
    if kind not in ROOT or kind in ("Remediation", "Record", "Loan"):
        return None
    if kind == "Host":
        return Befell(entry.at, "host", entry.subject, {**row, "born": bool(body.get("new"))} if row else None)
    if kind == "Machine" and (row is None or row["replaces"]):
        # What stands in another's place follows from decisions, and they are made anew.
        return None
    if kind == "Volume" and (row is None or row["restored_from"] or row["superseded_by"]):
        return None
    value = row_of(kind, entry.subject, row) if row else None
    if kind == "Approval":
        # Questions follow from decisions; their answers are people's.
        said = value is not None and value.answer in (Answer.APPROVED, Answer.DENIED)
        return Befell(entry.at, "said", entry.subject, (kind, value)) if said else None
    if kind in ("OperatorHold", "Release"):
        # People's words stand for themselves: nothing that is decided makes one.
        return Befell(entry.at, "said", entry.subject, (kind, value))
    return Befell(entry.at, kind.lower(), entry.subject, value)


def row_of(kind: str, identifier: str, row: Value) -> Any:
    """A short row as the noun it was taken from; what was left out is blank."""
    full = {**row, _ID.get(kind, ""): identifier}
    match kind:
        case "Host":
            full["status_since"] = row["since"]
        case "Machine":
            full |= {"updated_at": row["created_at"], "config": {"guest": row["guest"]}}
            full["sealed"] = sealed_copy(identifier, row["host"], row["sealed"]) if row["sealed"] else None
        case "Snapshot":
            full |= {"size_bytes": 0, "digest": ""}
        case "Loan" | "Remediation" | "OperatorHold" | "Release" | "Approval" | "Record":
            full = row
        case "Demand":
            full["last_asked"] = row["first_asked"]
        case _:
            pass
    return msgspec.convert(full, ROOT[kind], strict=False)


def sealed_copy(machine: str, host: str, instance: str) -> Value:
    """That a sealed copy is stored, and of which instance; its content is of no matter here."""
    names = ("digest", "box", "signature")
    return {"machine": machine, "instance_id": instance, "host": host, "epoch": 1, **dict.fromkeys(names, "")}


_ID = {"Host": "name", "Machine": "id", "Volume": "id", "Snapshot": "id", "Demand": "key"}
