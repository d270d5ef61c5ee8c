"""Rewound: agents are ahead of our journal. We read, mark and heal only, until a person has accepted the gap."""

import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from remediator.clock import Clock
from remediator.engine.evidence.rewinding import Heard, ahead
from remediator.engine.people.taking_over import Place, made_ours, place_of
from remediator.model.enrolment import Term
from remediator.model.errors import PermanentError
from remediator.model.host import Host, Life
from remediator.model.loan import Loan, LoanStage
from remediator.model.machine import Event, Machine, MachineState, Volume
from remediator.model.reconciling import Ahead, Differing, Gap
from remediator.model.request import (
    Burst,
    BurstStage,
    Destroy,
    DestroyStage,
    Migration,
    MigrationStage,
    Operation,
    Stage,
)
from remediator.runtime.ledger import Draft, Ledger

Message = dict[str, Any]
DOUBT = "Rewound"
_GIVEN_UP = "given up: the journal was restored from an older copy"


@dataclass(slots=True)
class Holdings:
    """What one host's agent told that it holds, by id."""

    machines: dict[str, Message] = field(default_factory=dict)
    volumes: dict[str, Message] = field(default_factory=dict)


class Rewound:
    """Knows why we are rewound, what agents hold while we are, and how to go on.

    ``renewed`` are told of the term that begins when a person has accepted; ``hang_up`` has every agent greet anew.
    """

    def __init__(self, ledger: Ledger, term: Term, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock
        self._history: dict[tuple[str, int], str] = {}
        self._ahead: dict[str, Ahead] = {}
        self._held: dict[str, Holdings] = {}
        self.term = term
        self.renewed: list[Callable[[Term], None]] = []
        self.hang_up: Callable[[], None] = lambda: None

    async def remember(self) -> None:
        """When each term of our past began."""
        for entry in await self._ledger.entries("term", 100_000):
            self._history[str(entry.body["incarnation"]), int(entry.body["term"])] = entry.at.isoformat()
        self._history[self.term.incarnation, self.term.number] = self.term.began.isoformat()

    @property
    def reason(self) -> str:
        return self.term.rewound

    def doubts(self) -> Mapping[str, str]:
        """For the guards, while we are."""
        return {DOUBT: self.reason} if self.reason else {}

    def told_people(self) -> list[str]:
        """For `/readyz` and the status page."""
        why = "an older copy was restored, or another remediator runs on a copy"
        return [f"rewound: {self.reason} ({why}; see fleetmend reconcile --from-agents)"] if self.reason else []

    async def greeted(self, host: str, heard: Heard, told: Holdings) -> None:
        """Judge what an agent has heard of us; when it is ahead we are rewound, from this commit on."""
        known = self._ledger.get(Host, host)
        if why := ahead(heard, self.term, self._history, known.epoch if known else heard.epoch):
            self._ahead[host] = Ahead(host, heard.incarnation, heard.term, heard.sequence)
            await self.suspect(f"agent {host} is ahead of our journal: {why}")
        if self.reason:
            self._held[host] = told

    async def suspect(self, why: str) -> None:
        """Be rewound, in the journal, for this reason; the first one stands."""
        if self.reason:
            return
        async with self._ledger.writing() as draft:
            now = self._clock.now()
            standing = draft.get(Term, "term") or self.term
            self.term = replace(standing, rewound=why, rewound_at=standing.began)
            draft.put(self.term)
            draft.note(now, "rewound", "remediator", {"text": why})
        # All of them tell anew what they hold: a part of the gap is no gap that a person can judge.
        self.hang_up()

    def told(self, host: str, report: Message) -> None:
        """What changed on a host meanwhile."""
        if not self.reason or host not in self._held:
            return
        held = self._held[host]
        held.machines |= {str(record.get("id")): record for record in report.get("machines", [])}
        held.volumes |= {str(record.get("id")): record for record in report.get("volumes", [])}
        for gone in report.get("absent", []):
            held.machines.pop(gone, None)

    def gap(self) -> Gap:
        """Both sides, as they stand this instant."""
        machines, told = self._ledger.all(Machine), list(self._told())
        there = {record.get("id") for _, record in told}
        open_ones = (op.key for op in self._ledger.all(Operation).values() if _before_us(op, self.term))
        hosts = self._ledger.all(Host)
        return Gap(
            reason=self.reason,
            ahead=tuple(self._ahead.values()),
            unknown=tuple(_differing(host, r, "") for host, r in told if _unknown(machines.get(_id(r)))),
            elsewhere=tuple(
                _differing(host, r, known.host)
                for host, r in told
                if (known := machines.get(_id(r))) and known.host != host
            ),
            missing=tuple(
                Differing(m.id, m.app, m.name, "", m.host)
                for m in machines.values()
                if m.host in self._held and m.state is not MachineState.DESTROYED and m.id not in there
            ),
            volumes=tuple(
                _differing(host, v, "") for host, v in self._volumes() if self._ledger.get(Volume, _id(v)) is None
            ),
            forgotten=tuple(sorted(open_ones)) if self.reason else (),
            destroys=tuple(sorted(d.machine for d in self._ledger.all(Destroy).values() if d.open)),
            silent=tuple(sorted(n for n, h in hosts.items() if _expected(h) and n not in self._held)),
        )

    async def accept(self, by: str, why: str, silent: int = 0) -> Gap:
        """A person has seen the gap: what runs is ours, what we forgot is not sent, and a new incarnation begins.

        Raises:
            PermanentError: nothing is amiss, or more hosts than ``silent`` have not told what they hold.
        """
        gap = self.gap()
        if not gap.reason:
            raise PermanentError("no agent is ahead of the journal: there is nothing to accept")
        if len(gap.silent) > silent:
            raise PermanentError(f"{len(gap.silent)} hosts have not told what they hold: {', '.join(gap.silent[:5])}")
        async with self._ledger.writing() as draft:
            now = self._clock.now()
            self._take_over(gap, draft, now)
            _give_up(self._ledger, self.term, draft, now)
            born = self._born(now)
            fresh = replace(self.term, incarnation=born, number=1, began=now, naming=born.rpartition("-")[2])
            self.term = replace(fresh, rewound="", rewound_at=None)
            draft.put(self.term)
            draft.note(now, "term", "remediator", {"term": 1, "incarnation": self.term.incarnation})
            counts = {"unknown": len(gap.unknown), "elsewhere": len(gap.elsewhere), "missing": len(gap.missing)}
            draft.note(now, "people", "remediator", {"what": "reconcile", "by": by, "why": why, **counts})
        self._history[self.term.incarnation, 1] = self.term.began.isoformat()
        self._ahead, self._held = {}, {}
        for renew in self.renewed:
            renew(self.term)
        self.hang_up()
        return gap

    def _told(self) -> list[tuple[str, Message]]:
        return [(host, record) for host, held in self._held.items() for record in held.machines.values()]

    def _volumes(self) -> list[tuple[str, Message]]:
        return [(host, record) for host, held in self._held.items() for record in held.volumes.values()]

    def _take_over(self, gap: Gap, draft: Draft, now: datetime) -> None:
        for each in gap.missing:
            if machine := draft.get(Machine, each.id):
                lost = replace(machine, state=MachineState.FAILED)
                draft.put(lost.noted(Event(now, "lost", "failed", "agent", "its host no longer has it")))
        for host, told in self._volumes():
            if draft.get(Volume, _id(told)) is None and (known := draft.get(Host, host)):
                draft.put(_volume(told, known, now))
        there, writing, waiting = self._writers()
        for each in (*gap.elsewhere, *gap.unknown):
            if machine := draft.get(Machine, each.id):
                everything = draft.overlay(self._ledger.all(Machine), "Machine").values()
                stand = there - waiting if machine.id in writing else there
                place = place_of(machine, everything, self._ledger.all(Host), stand)
                volumes = draft.overlay(self._ledger.all(Volume), "Volume")
                draft.put(*_made_ours(machine, each, place, volumes, now))
                _destroy_follows(each, draft)

    def _writers(self) -> tuple[set[str], set[str], set[str]]:
        """All that is there; of those with volumes who runs, and who has not since its host is back.

        One that waits there has lost its place to a copy that runs: of two histories the one that is written stays.
        """
        hosts, writing, waiting = self._ledger.all(Host), set(), set()
        for name, record in self._told():
            if record.get("volumes") and record.get("state") == MachineState.STARTED.value:
                writing.add(_id(record))
            elif record.get("volumes") and (host := hosts.get(name)) and host.life is Life.RETURNING:
                waiting.add(_id(record))
        return {_id(record) for _, record in self._told()}, writing, waiting

    def _born(self, now: datetime) -> str:
        """An incarnation that every agent takes for younger than any it has heard: they order them as text."""
        last = max((each.incarnation for each in self._ahead.values()), default="")
        moment = max(now, _moment(self.term.incarnation, now), _moment(last, now))
        return f"{(moment + timedelta(seconds=1)).isoformat(timespec='seconds')}-{uuid.uuid4().hex[:8]}"


def _made_ours(
    machine: Machine, told: Differing, place: Place, volumes: Mapping[str, Volume], now: datetime
) -> Iterator[Machine | Volume]:
    """Ours from now on, in the place of the lost one of its name; or held, as it was, beside one that stands."""
    there = replace(machine, host=told.told)
    if place.held and (machine.adopted or machine.replaced_by):
        held = replace(there, adopted=True)
        yield held.noted(Event(now, "reconciled", "held", "user", f"stays held: {place.held}"))
        return
    why = f"runs on {told.told}; a person took the agents' word for it"
    yield from made_ours(there, place if machine.adopted else Place(), volumes, why, now)


def _destroy_follows(told: Differing, draft: Draft) -> None:
    """Only the host that has the machine can show that it is gone."""
    destroy = draft.get(Destroy, told.id)
    if destroy is not None and destroy.open and destroy.host != told.told:
        draft.put(replace(destroy, host=told.told, stage=DestroyStage.BLOCKED, epoch=0))


def _moment(incarnation: str, now: datetime) -> datetime:
    try:
        return datetime.fromisoformat(incarnation.rpartition("-")[0])
    except ValueError:
        return now


def _id(record: Message) -> str:
    return str(record.get("id", ""))


def _unknown(known: Machine | None) -> bool:
    return known is None or known.adopted


def _expected(host: Host) -> bool:
    return host.joined and host.life is not Life.RETIRED


def _differing(host: str, record: Message, known: str) -> Differing:
    return Differing(_id(record), str(record.get("app", "")), str(record.get("name", "")), host, known)


def _volume(told: Message, host: Host, now: datetime) -> Volume:
    size = int(told.get("size_mb", 0))
    blank = Volume(_id(told), str(told.get("app", "")), str(told.get("name", "")), host.region, host.name, size, now)
    return replace(blank, machine=str(told.get("machine", "")), state="created")


def _before_us(operation: Operation, term: Term) -> bool:
    """Under way when the copy was made; what was asked for since then is still to be done."""
    return operation.open and (term.rewound_at is None or operation.written_at < term.rewound_at)


def _give_up(ledger: Ledger, term: Term, draft: Draft, now: datetime) -> None:
    """What was under way when the copy was made has ended since, one way or the other: none of it is sent again."""
    for operation in list(ledger.all(Operation).values()):
        if _before_us(operation, term):
            draft.put(replace(operation, stage=Stage.FAILED, error=_GIVEN_UP))
    for migration in list(ledger.all(Migration).values()):
        if migration.open:
            draft.put(migration.moved_to(MigrationStage.STUCK, now, _GIVEN_UP))
    for burst in list(ledger.all(Burst).values()):
        if burst.open:
            draft.put(burst.moved_to(BurstStage.STUCK, now, _GIVEN_UP))
    for loan in list(ledger.all(Loan).values()):
        _forget(loan, draft, now)


def _forget(loan: Loan, draft: Draft, now: datetime) -> None:
    """Who has not joined in the copy may have, and works unknown to us; who was to go may be going since."""
    if loan.joined_at is None:
        draft.delete(loan)
    elif loan.stage in (LoanStage.CLOSING, LoanStage.ASKED):
        draft.put(replace(loan.moved_to(LoanStage.STUCK, now, _GIVEN_UP), uncertain=True))
    elif loan.stage is LoanStage.JOINED:
        draft.put(replace(loan, idle_since=None))
