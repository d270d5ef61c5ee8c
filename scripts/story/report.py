"""What one run showed, for people and for machines; and what the journal says about killing."""

import json
import sqlite3
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from scripts.story.fronts import Outage

# Replacements that are withdrawn when their original comes back in time are needless, not wrong.
WITHDRAWN = "withdrawn"


@dataclass(slots=True)
class StepResult:
    """One step: whether everything it promises was seen, the seconds of what it measures, once or many times."""

    name: str
    ok: bool = False
    seconds: dict[str, float] = field(default_factory=dict)
    samples: dict[str, list[float]] = field(default_factory=dict)
    trouble: str = ""

    def sampled(self, name: str, seconds: list[float]) -> None:
        self.samples.setdefault(name, []).extend(seconds)


@dataclass(frozen=True, slots=True)
class Kill:
    """A machine that was condemned by itself, on which host, when, and why."""

    machine: str
    host: str
    at: float
    why: str


def kills(journal: Path) -> list[Kill]:
    """Every automatic condemnation in the journal."""
    with sqlite3.connect(f"file:{journal}?mode=ro", uri=True) as db:
        rows = db.execute("SELECT at, subject, body FROM entries WHERE kind = 'condemned' ORDER BY seq").fetchall()
    told = [(at, subject, json.loads(body)) for at, subject, body in rows]
    return [
        Kill(subject, body["host"], datetime.fromisoformat(at).timestamp(), body["why"])
        for at, subject, body in told
        if body["origin"] == "automatic"
    ]


def wrong_kills(found: list[Kill], outages: dict[str, list[Outage]], patience: float) -> list[Kill]:
    """Condemnations on hosts that in truth were reachable, or became so within patience."""
    judged = [kill for kill in found if not kill.why.startswith(WITHDRAWN)]
    return [kill for kill in judged if not _right(kill, outages.get(kill.host, []), patience)]


def _right(kill: Kill, outages: list[Outage], patience: float) -> bool:
    """It was away when it was condemned; and off, or away for longer than patience."""
    for outage in outages:
        ended = outage.ended or float("inf")
        if outage.began <= kill.at <= ended:
            return outage.kind == "power_cut" or ended - outage.began >= patience
    return False


def write_json(path: Path, steps: list[StepResult], wrong: int) -> None:
    """The run for machines; figures that were not measured are null."""
    figures: dict[str, Any] = {}
    for step in steps:
        figures |= step.seconds
    names = ("power_cut_to_dead", "power_cut_to_replaced", "power_cut_to_restored", "return_to_undead_gone")
    body = {
        "steps": [asdict(step) for step in steps],
        **{f"{name}_s": figures.get(name) for name in names},
        "wrong_kills": wrong,
        "ok": all(step.ok for step in steps) and wrong == 0,
    }
    path.write_text(json.dumps(body, indent=2) + "\n", encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Return:
    """A host's return: which condemned machines were on it, and when the last was seen absent after its contact."""

    ids: frozenset[str]
    seconds: float

    @property
    def machines(self) -> int:
        return len(self.ids)


def returns_of(journal: Path, host: str, since: float) -> Return | None:
    """From the first authenticated contact after ``since`` to the last condemned machine seen absent."""
    with sqlite3.connect(f"file:{journal}?mode=ro", uri=True) as db:
        rows = db.execute(
            "SELECT at, kind, subject, body FROM entries WHERE kind IN ('host', 'destroyed') ORDER BY seq"
        ).fetchall()
    told = [(datetime.fromisoformat(at).timestamp(), kind, about, json.loads(body)) for at, kind, about, body in rows]
    later = [row for row in told if row[0] >= since]
    contacts = [at for at, kind, about, body in later if kind == "host" and about == host and "contact" in body]
    if not contacts:
        return None
    gone = {about: at for at, kind, about, body in later if kind == "destroyed" and body["host"] == host}
    last = max(gone.values(), default=contacts[0])
    return Return(frozenset(gone), last - contacts[0])
