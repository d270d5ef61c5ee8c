"""What people say, written down before it is answered: who, why, until when, and what it changed."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from remediator.clock import Clock
from remediator.engine.incidents import releases
from remediator.engine.people import answers, leaving, operator_holds, undone
from remediator.engine.people.accepted import accepted
from remediator.engine.people.lifted import lifted
from remediator.engine.people.spoken import Change, Ground
from remediator.engine.people.taking_over import taken_over
from remediator.engine.people.trusted import trusted
from remediator.journal.protocol import Entry
from remediator.model.policy import Playbook
from remediator.model.request import Destroy, Operation, Origin
from remediator.model.said import (
    Accept,
    Approve,
    Deny,
    EndMaintenance,
    Heard,
    Keep,
    LetGo,
    Maintain,
    Remove,
    Retire,
    Said,
    TakeOver,
    Trust,
    Undo,
    Unkeep,
    Unquarantine,
)
from remediator.runtime.agents.watch import Watch
from remediator.runtime.effects.prepare import UNSEALED
from remediator.runtime.effects.written import condemn
from remediator.runtime.ledger import Draft, Ledger

# The kind of its entries in the journal.
PEOPLE = "people"
# Freezes and thaws are in force without the journal, and told in it afterwards (chronicle.py).
FREEZE = "freeze"
# So many of history's lines are looked through for one app's.
MOST_READ = 10_000
_Rule = Callable[[Any, Said, Ground], Change]
_RULES: dict[type, tuple[str, _Rule]] = {
    Approve: ("approve", answers.approved),
    Deny: ("deny", answers.denied),
    Keep: ("hold", operator_holds.kept),
    Unkeep: ("unhold", operator_holds.unkept),
    LetGo: ("release", releases.let_go),
    Maintain: ("maintenance", operator_holds.in_maintenance),
    EndMaintenance: ("maintenance_end", operator_holds.maintenance_over),
    Retire: ("retire", leaving.retired),
    Remove: ("remove", leaving.removed),
    Undo: ("undo", undone.undone),
    Accept: ("accept", accepted),
    Unquarantine: ("unquarantine", lifted),
    TakeOver: ("take_over", taken_over),
    Trust: ("trust", trusted),
}


class People:
    """One door for every word; a word that changes nothing is answered and not written again."""

    def __init__(
        self, ledger: Ledger, watch: Watch, playbooks: Callable[[], Mapping[str, Playbook]], clock: Clock
    ) -> None:
        self._ledger = ledger
        self._watch = watch
        self._playbooks = playbooks
        self._clock = clock

    async def hear(self, said: Said) -> Heard:
        """Carry out a word. No gate, budget or hold of others is asked: it is a named person's, on named targets.

        Raises:
            BadInput, Refused: it cannot be; nothing was changed.
        """
        name, rule = _RULES[type(said.word)]
        async with self._ledger.writing() as draft:
            now = draft.at = self._clock.now()
            change = rule(said.word, said, Ground(self._watch.fleet(), self._playbooks(), now))
            _apply(change, said, draft, self._ledger.all(Operation), now)
            changed = bool(draft.rows())
            if changed:
                body = {"word": name, "by": said.by, "why": said.why, "until": change.until, "text": change.text}
                for subject in dict.fromkeys(change.subjects or (change.subject,)):
                    draft.note(now, PEOPLE, subject, {**asdict(said.word), **body})
        self._watch.wake()
        return Heard(change.subject, change.text, changed, change.until)

    async def said(self, limit: int) -> list[dict[str, Any]]:
        """The newest words, as they stand in the journal."""
        entries = [*await self._ledger.entries(PEOPLE, limit), *await self._ledger.entries(FREEZE, limit)]
        newest = sorted(entries, key=lambda entry: entry.at, reverse=True)[:limit]
        return [{"at": entry.at, "subject": entry.subject, **_told(entry)} for entry in newest]

    async def unsealings(self, app: str, limit: int) -> list[dict[str, Any]]:
        """When a sealed config of the app was opened, and for what; the newest first."""
        entries = await self._ledger.entries(UNSEALED, MOST_READ)
        mine = [entry for entry in entries if entry.body.get("app") == app]
        return [{"at": entry.at, "machine": entry.subject, **entry.body} for entry in mine[:limit]]


def _told(entry: Entry) -> Mapping[str, Any]:
    """A freeze in the words of all others."""
    if entry.kind != FREEZE:
        return entry.body
    frozen, by, why = entry.body["frozen"], entry.body.get("by", ""), entry.body.get("why", "")
    text = f"all acting is stopped: {frozen}" if frozen else f"acting may go on{f' by {by}: {why}' if by else ''}"
    return {
        "word": FREEZE if frozen else "thaw",
        "by": by,
        "why": why,
        "until": entry.body.get("until"),
        "text": text,
    }


def _apply(change: Change, said: Said, draft: Draft, operations: Mapping[str, Operation], now: datetime) -> None:
    for row in change.drops:
        draft.delete(row)
    put_all(change.puts, draft, operations)
    for machine_id in change.condemns:
        condemn(draft, machine_id, f"withdrawn by {said.by}", now, Origin.OPERATOR)


def put_all(rows: tuple[Any, ...], draft: Draft, operations: Mapping[str, Operation]) -> None:
    """The rows; of a destroy that is complete nothing more is sent, and history has its end."""
    draft.put(*rows)
    for destroy in (row for row in rows if isinstance(row, Destroy) and not row.open):
        body = {"host": destroy.host, "origin": destroy.origin, "why": destroy.reason}
        draft.note(destroy.moved_at or destroy.asked_at, "destroyed", destroy.machine, body)
        for operation in operations.values():
            if operation.open and operation.verb == "destroy" and operation.machine == destroy.machine:
                draft.delete(operation)
