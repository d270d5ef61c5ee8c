"""Agents at the door: who they are, what their hello means, and what they tell each second."""

import asyncio
import logging
from collections import defaultdict
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

import msgspec
from nacl.public import PublicKey

from remediator.clock import Clock
from remediator.engine.evidence.claims import claims_of_agent
from remediator.engine.evidence.identity import claimed, contradiction, newborn
from remediator.engine.evidence.rewinding import Heard
from remediator.engine.machines.admission import COPY_STANDS, copied, shut
from remediator.engine.machines.destroys import condemned_on
from remediator.engine.waits import kept
from remediator.model.enrolment import Enrolment, Term
from remediator.model.errors import PermanentError, TransientError
from remediator.model.host import Host, HostStatus, Life
from remediator.model.layered import picked
from remediator.model.loan import Loan, LoanStage
from remediator.model.machine import Machine, MachineState
from remediator.model.request import Destroy, DestroyStage, Operation, Origin
from remediator.runtime.agents.absorb import (
    Hello,
    absorb_absent,
    absorb_machines,
    absorb_missing,
    absorb_volumes,
    greeted_host,
)
from remediator.runtime.agents.admitting import end_outlived
from remediator.runtime.agents.configs import ConfigCache
from remediator.runtime.agents.leases import LeaseWords
from remediator.runtime.agents.strays import Strays
from remediator.runtime.agents.sworn import Sworn
from remediator.runtime.agents.watch import Watch
from remediator.runtime.ledger import Draft, Ledger
from remediator.runtime.rewound import Holdings, Rewound
from remediator.wire.keys import parse_box_key
from remediator.wire.messages import Command, Welcome

log = logging.getLogger("fleetmend.agents")
# A result is taken in within a commit or two.
RECORDED_SECONDS = 1.0
_RUNNING = frozenset({MachineState.STARTING.value, MachineState.STARTED.value, MachineState.STOPPING.value})


class Agents:
    """The runtime's side of every agent session."""

    def __init__(self, ledger: Ledger, watch: Watch, configs: ConfigCache, term: Term, clock: Clock) -> None:
        self._ledger = ledger
        self._watch = watch
        self._configs = configs
        self._term = term
        self._clock = clock
        # Wired by the composition root: who signs for us, whether we are rewound, and what peers state.
        self.sworn: Sworn | None = None
        self.rewound: Rewound | None = None
        self.lease_words = LeaseWords()
        self._strays = Strays()
        # By host: machines kept from starting because a copy lives or may: until condemned, or all there is.
        self._withheld: dict[str, tuple[str, ...]] = {}
        # Stale words that each agent has refused since it started.
        self.refusals: dict[str, int] = {}
        # Condemned machines seen running, by host, with the moment of the contact that showed them.
        self.undead: defaultdict[str, dict[str, datetime]] = defaultdict(dict)
        self.undead_seconds: defaultdict[str, float] = defaultdict(float)

    def term(self) -> int:
        return self._term.number

    def renew(self, term: Term) -> None:
        """Speak in that term from now on."""
        self._term = term

    def stamped(self, host: str, command: Command) -> Command:
        """A command as it is sent to that host: for its identity alone, and signed."""
        return self.sworn.command(command, host, self._term.incarnation) if self.sworn else command

    def epoch_of(self, host: str) -> int:
        known = self._ledger.get(Host, host)
        return known.epoch if known else 0

    def key_of(self, name: str) -> PublicKey | None:
        known = self._ledger.get(Enrolment, f"agent/{name}")
        loan = self._ledger.get(Loan, name) if known is None else None
        if loan is not None and loan.stage is LoanStage.AWAITED:
            # Anybody may say so, and all that it does is to keep a host that we await.
            self._watch.strangers |= {name}
        return parse_box_key(known.box_key) if known else None

    async def greeted(self, name: str, hello: dict[str, Any]) -> Welcome:
        """A session begins: take over what runs, and name what must go.

        Raises:
            PermanentError: the hello is malformed, or another identity stands under a known name.
        """
        told = _parsed(name, hello)
        if self.rewound:
            holdings = Holdings(_by_id(told.machines), _by_id(told.volumes))
            await self.rewound.greeted(name, self._heard(name, told), holdings)
        async with self._ledger.writing() as draft:
            # All is read in here: a look that declares the host dead may have been in the middle of it.
            now = self._clock.now()
            known = draft.get(Host, name)
            stranger = _stranger(draft, known, told, now)
            if not stranger:
                host = _told_of(greeted_host(known, told, now), told)
                withheld = self._outlived(host, draft, now)
                condemned = sorted({*self._condemned(name, draft), *withheld})
                word = self._kept(condemned, draft, now) or (self._withholds() if withheld else "")
                self._take_over(draft, host, told, condemned, word, now)
        if stranger:
            # That it stood at the door is written down before it is turned away.
            raise PermanentError(stranger)
        self._watch.evidence.heard(name, now)
        self._configs.learn(name, told.machines)
        return self._welcome(host, condemned, word)

    def _outlived(self, host: Host, draft: Draft, now: datetime) -> tuple[str, ...]:
        """Whom its agent must not start although nobody may condemn them now."""
        found = () if self._doubted() else end_outlived(self._watch.known(), host, draft, now)
        self._withheld[host.name] = found
        return found

    def _withholds(self) -> str:
        return shut(self._watch.known()) or COPY_STANDS

    def _welcome(self, host: Host, condemned: list[str], frozen: str) -> Welcome:
        freeze, ours = self._watch.freeze_statement(), self._automatic(condemned)
        mark = (host.epoch, self._term.incarnation, self._term.number)
        began = self._term.began.isoformat()
        knows = not self._doubted()
        said = Welcome(*mark, tuple(condemned), knows, frozen=frozen, freeze=freeze, automatic=ours, began=began)
        return self.sworn.welcome(said, host.name) if self.sworn else said

    def _kept(self, condemned: list[str], draft: Draft, now: datetime) -> str:
        """Why the agent is to end none of the automatic ones by itself: a person's word, or what we do not know.

        Those of them that may go all the same are sent for one by one.
        """
        fleet = self._watch.known()
        found = (kept(each, fleet, now) for name in condemned if (each := draft.get(Destroy, name)))
        unknown = self.rewound.reason if self.rewound else ""
        return self._watch.frozen or next(filter(None, found), "") or unknown

    def _heard(self, name: str, told: Hello) -> Heard:
        """What it has heard of us; who shows a mark that we never made is not believed to have heard anything."""
        if self.sworn and self.sworn.lies(told):
            log.warning("agent %s claims to have heard %s, and shows no mark of ours for it", name, told.highest)
            return Heard()
        known = self._ledger.get(Host, name)
        # Another identity was given its epochs under another name, or in another life.
        own = known is not None and not contradiction(known, told.identity)
        return Heard(*told.highest, told.began, told.epoch if own else 0)

    def _automatic(self, condemned: list[str]) -> tuple[str, ...]:
        """Those that no person asked for."""
        held = self._ledger.all(Destroy)
        return tuple(m for m in condemned if m not in held or held[m].origin is Origin.AUTOMATIC)

    def _doubted(self) -> bool:
        return self.rewound is not None and bool(self.rewound.reason)

    def _take_over(
        self, draft: Draft, host: Host, told: Hello, condemned: list[str], word: str, now: datetime
    ) -> None:
        known = draft.get(Host, host.name)
        draft.put(host)
        if known is None or not known.joined or known.life is not host.life:
            body = {"life": host.life, "status": host.status, "reason": host.reason or "first contact"}
            draft.note(now, "host", host.name, body | {"epoch": host.epoch, "contact": now.isoformat()})
        absorb_machines(draft, host.name, told.machines, now)
        absorb_volumes(draft, host.name, told.volumes)
        ids = {record.get("id", "") for record in told.machines}
        here = {machine.id: machine for machine in picked(self._ledger.all(Machine), "host", host.name)}
        coming = {each.key: each for each in picked(self._ledger.all(Operation), "host", host.name)}
        if not self._doubted():
            absorb_missing(draft, host.name, ids, (here, coming), now)
            self._strays.greeted(draft, host.name, told.machines, now)
        # Under a freeze or a hold automatic ones run on where they run; they are sent for once it is over.
        waiting = frozenset(self._automatic(condemned)) if word else frozenset()
        for machine_id in condemned:
            if machine_id not in waiting:
                _sent(draft, machine_id, host.epoch, now)
        running = {record.get("id", "") for record in told.machines if record.get("state") in _RUNNING}
        doomed = {machine for machine in condemned if draft.get(Destroy, machine)}
        self.undead[host.name] = dict.fromkeys(sorted(doomed & running), now)

    def _condemned(self, name: str, draft: Draft) -> list[str]:
        """What the welcome orders gone, whatever the gate: it was judged when condemned, and must not start again.

        None while we are rewound. Of automatic ones a frozen agent only starts none.
        """
        if self._doubted():
            return []
        held = draft.overlay(self._ledger.all(Destroy), "Destroy")
        return condemned_on(replace(self._watch.known(), destroys=held), name)

    async def heard(self, name: str, report: dict[str, Any]) -> None:
        """One report; a plain heartbeat writes nothing."""
        now = self._clock.now()
        known = self._ledger.get(Host, name)
        if known is not None and known.life is Life.DEAD:
            # Its session outlived its death; only a hello leads back, with a new epoch.
            raise TransientError("this host was lost meanwhile: greet anew")
        if self._let_off(name):
            raise TransientError("what stood in a machine's place is gone: greet anew, so that it may start")
        self._watch.evidence.heard(name, now)
        self._watch.evidence.claimed(name, "agent", claims_of_agent(report, now))
        self.lease_words.learn(name, report.get("answered"), now)
        await self._note_refusals(name, report.get("refused"), now)
        await self._note_peers(known, report.get("peers"))
        if self.rewound:
            self.rewound.told(name, report)
        machines, absent = report.get("machines", []), report.get("absent", [])
        if machines or absent or report.get("volumes"):
            async with self._ledger.writing() as draft:
                absorb_machines(draft, name, machines, now)
                absorb_absent(draft, name, absent, now)
                absorb_volumes(draft, name, report.get("volumes", []))
            self._configs.learn(name, machines)
            self._watch.wake()
        for machine in absent:
            self._configs.drop_machine(machine, name)
            since = self.undead[name].pop(machine, None)
            self.undead_seconds[name] += (now - since).total_seconds() if since else 0.0

    def _let_off(self, name: str) -> bool:
        """Whether one that was kept from starting is now all that is left of it."""
        withheld = self._withheld.get(name, ())
        return bool(withheld) and not all(copied(self._watch.known(), machine) for machine in withheld)

    async def _note_peers(self, known: Host | None, peers: object) -> None:
        """Whom its agent asks: only they can state that its lease has run out."""
        if known is None or not isinstance(peers, list) or list(known.peers) == peers:
            return
        async with self._ledger.writing() as draft:
            if host := draft.get(Host, known.name):
                draft.put(replace(host, peers=tuple(str(peer) for peer in peers)))

    async def _note_refusals(self, name: str, refused: object, now: datetime) -> None:
        """An agent that refused a lower word says so in each report: somebody speaks who has been succeeded."""
        before = self.refusals.get(name, 0)
        if isinstance(refused, int) and refused != before:
            self.refusals[name] = refused
            if refused > before:
                log.warning("agent %s has refused %s stale words since it started", name, refused)
                async with self._ledger.writing() as draft:
                    text = f"its agent has refused {refused} stale words since it started: somebody else speaks to it"
                    draft.note(now, "refused", name, {"text": text})

    async def recorded(self, name: str, key: str, record: dict[str, Any]) -> None:
        """Until the operation whose result was just heard has ended; a while at most."""
        if record.get("config"):
            self._configs.learn(name, [record])
        with suppress(TimeoutError):
            async with asyncio.timeout(RECORDED_SECONDS):
                while (known := self._ledger.get(Operation, key)) and known.open:
                    await self._ledger.news()

    def hung_up(self, name: str) -> None:
        self._watch.evidence.hung_up(name)

    def drop_lost(self) -> None:
        """Configs of hosts that are not ok are no longer held."""
        for host in picked(self._ledger.all(Host), "status", HostStatus.UNREACHABLE):
            self._configs.drop_host(host.name)


def _stranger(draft: Draft, known: Host | None, told: Hello, now: datetime) -> str:
    """Why it is turned away: another identity stands under that name, and nobody has said what it is."""
    if known is None or newborn(known, told.identity):
        return ""
    other = contradiction(known, told.identity)
    if not other:
        return ""
    if known.identity_claim != told.identity:
        draft.note(now, "claimed", known.name, {"identity": asdict(told.identity), "other": other})
    draft.put(claimed(known, told.identity, now))
    return f"{known.name} is known with another identity ({other}): a person must say replaced or renamed"


def _by_id(records: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {str(record.get("id", "")): record for record in records}


def _told_of(host: Host, told: Hello) -> Host:
    """No epoch is ever given twice, whatever our journal has forgotten."""
    return replace(host, epoch=max(host.epoch, told.epoch), peers=tuple(told.peers))


def _sent(draft: Draft, machine_id: str, epoch: int, now: datetime) -> None:
    destroy = draft.get(Destroy, machine_id)
    if destroy is None or not destroy.open:
        return
    if destroy.stage in (DestroyStage.QUEUED, DestroyStage.BLOCKED):
        draft.put(destroy.moved_to(DestroyStage.SENT, now, epoch))
    else:
        draft.put(replace(destroy, epoch=epoch))


def _parsed(name: str, hello: dict[str, Any]) -> Hello:
    try:
        told = msgspec.convert(hello, Hello)
    except msgspec.ValidationError as error:
        raise PermanentError(f"a hello that cannot be read: {error}") from error
    if told.name != name:
        raise PermanentError(f"enrolled as {name}, greets as {told.name}")
    return told
