"""Agents at the door: who they are, what their hello means, and what they tell each second."""

from collections import defaultdict
from dataclasses import replace
from datetime import datetime
from typing import Any

import msgspec
from nacl.public import PublicKey

from remediator.clock import Clock
from remediator.engine.destroys import condemned_on
from remediator.model.enrolment import Enrolment, Term
from remediator.model.errors import PermanentError, TransientError
from remediator.model.host import Host, HostStatus, Life
from remediator.model.machine import Machine, MachineState
from remediator.model.request import Destroy, DestroyStage, Operation, Origin
from remediator.runtime.absorb import (
    Hello,
    absorb_absent,
    absorb_machines,
    absorb_missing,
    absorb_volumes,
    greeted_host,
)
from remediator.runtime.configs import ConfigCache
from remediator.runtime.ledger import Draft, Ledger
from remediator.runtime.watch import Watch
from remediator.wire.keys import parse_box_key
from remediator.wire.messages import Welcome

_RUNNING = frozenset({MachineState.STARTING.value, MachineState.STARTED.value, MachineState.STOPPING.value})


class Agents:
    """The runtime's side of every agent session."""

    def __init__(self, ledger: Ledger, watch: Watch, configs: ConfigCache, term: Term, clock: Clock) -> None:
        self._ledger = ledger
        self._watch = watch
        self._configs = configs
        self._term = term
        self._clock = clock
        # Condemned machines seen running, by host, with the moment of the contact that showed them.
        self.undead: defaultdict[str, dict[str, datetime]] = defaultdict(dict)
        self.undead_seconds: defaultdict[str, float] = defaultdict(float)

    def term(self) -> int:
        return self._term.number

    def epoch_of(self, host: str) -> int:
        known = self._ledger.get(Host, host)
        return known.epoch if known else 0

    def key_of(self, name: str) -> PublicKey | None:
        known = self._ledger.get(Enrolment, f"agent/{name}")
        return parse_box_key(known.box_key) if known else None

    async def greeted(self, name: str, hello: dict[str, Any]) -> Welcome:
        """A session begins: take over what runs, and name what must go.

        Raises:
            PermanentError: the hello is malformed, or another identity stands under a known name.
        """
        told = _parsed(name, hello)
        async with self._ledger.writing() as draft:
            # All is read in here: a look that declares the host dead may have been in the middle of it.
            now = self._clock.now()
            known = draft.get(Host, name)
            if known and known.identity.contradicts(told.identity):
                raise PermanentError(f"{name} is known with another identity: a person must say replaced or renamed")
            host = greeted_host(known, told, now)
            condemned = self._condemned(name)
            self._take_over(draft, host, told, condemned, now)
        self._watch.evidence.heard(name, now)
        self._configs.learn(name, told.machines)
        frozen, word = self._watch.frozen, self._watch.freeze_statement()
        mark = (host.epoch, self._term.incarnation, self._term.number)
        return Welcome(*mark, tuple(condemned), frozen=frozen, freeze=word)

    def _take_over(self, draft: Draft, host: Host, told: Hello, condemned: list[str], now: datetime) -> None:
        known = draft.get(Host, host.name)
        draft.put(host)
        if known is None or not known.joined or known.life is not host.life:
            body = {"life": host.life, "status": host.status, "reason": host.reason or "first contact"}
            draft.note(now, "host", host.name, body | {"epoch": host.epoch, "contact": now.isoformat()})
        absorb_machines(draft, host.name, told.machines, now)
        absorb_volumes(draft, host.name, told.volumes)
        ids = {record.get("id", "") for record in told.machines}
        absorb_missing(draft, host.name, ids, (self._ledger.all(Machine), self._ledger.all(Operation)), now)
        for machine_id in condemned:
            _sent(draft, machine_id, host.epoch, now)
        running = {record.get("id", "") for record in told.machines if record.get("state") in _RUNNING}
        self.undead[host.name] = {machine: now for machine in condemned if machine in running}

    def _condemned(self, name: str) -> list[str]:
        """What the welcome orders gone; automatic ones only while acting is allowed."""
        held = self._ledger.all(Destroy)
        allowed = self._watch.gate.open and not self._watch.frozen
        doomed = condemned_on(self._watch.fleet(), name)
        return [machine for machine in doomed if allowed or held[machine].origin is not Origin.AUTOMATIC]

    async def heard(self, name: str, report: dict[str, Any]) -> None:
        """One report; a plain heartbeat writes nothing."""
        now = self._clock.now()
        known = self._ledger.get(Host, name)
        if known is not None and known.life is Life.DEAD:
            # Its session outlived its death; only a hello leads back, with a new epoch.
            raise TransientError("this host was lost meanwhile: greet anew")
        self._watch.evidence.heard(name, now)
        machines, absent = report.get("machines", []), report.get("absent", [])
        if machines or absent or report.get("volumes"):
            async with self._ledger.writing() as draft:
                absorb_machines(draft, name, machines, now)
                absorb_absent(draft, name, absent, now)
                absorb_volumes(draft, name, report.get("volumes", []))
            self._configs.learn(name, machines)
            self._watch.wake()
        for machine in absent:
            self._configs.drop_machine(machine)
            since = self.undead[name].pop(machine, None)
            self.undead_seconds[name] += (now - since).total_seconds() if since else 0.0

    def hung_up(self, name: str) -> None:
        self._watch.evidence.hung_up(name)

    def drop_lost(self) -> None:
        """Configs of hosts that are not ok are no longer held."""
        for host in self._ledger.all(Host).values():
            if host.status is HostStatus.UNREACHABLE:
                self._configs.drop_host(host.name)


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
