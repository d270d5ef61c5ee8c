"""The agent as a whole: the only module here that knows every other."""

import asyncio
import contextlib
import fcntl
import logging
import os
import signal
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import timedelta
from typing import BinaryIO

from remediator.agent.adopt import adopt
from remediator.agent.bell import Bell
from remediator.agent.ceilings import Keeper
from remediator.agent.checks import Checks
from remediator.agent.commands import Commands, Trust
from remediator.agent.contact import Contact
from remediator.agent.disks import VolumeDisk
from remediator.agent.enrol import Own, Pinned, enrol, read_pinned
from remediator.agent.frozen import Frozen
from remediator.agent.lease import Lease
from remediator.agent.machines import Machines, Surroundings
from remediator.agent.peering import Peering
from remediator.agent.readers import Named
from remediator.agent.record import MachineRecord
from remediator.agent.sandbox import Sandbox, first_uid_for
from remediator.agent.server import Server
from remediator.agent.session import Line, Session
from remediator.agent.settings import Settings
from remediator.agent.snapshots import SnapshotStore
from remediator.agent.standing import Standing
from remediator.agent.state import Store
from remediator.agent.stuck import Stuck
from remediator.agent.telling import Disk, Telling
from remediator.agent.upkeep import Upkeep
from remediator.agent.verbs import Hands, Keys, reseal
from remediator.agent.volumes import Volumes
from remediator.clock import Clock
from remediator.model.errors import BadInput, FleetmendError, PermanentError, Problem
from remediator.model.host import Identity
from remediator.wire.keys import key_text, parse_box_key, parse_verify_key
from remediator.wire.messages import Welcome
from remediator.wire.sealing import Readers
from remediator.wire.statements import check_welcome

_OPEN_TO_PASS = 0o711


@dataclass(frozen=True, slots=True)
class Parts:
    """What stands before anybody is talked to."""

    own: Own
    store: Store
    standing: Standing
    frozen: Frozen
    volumes: Volumes
    machines: Machines
    sandbox: Sandbox
    keeper: Keeper
    peering: Peering
    contact: Contact


class Agent:
    """One host's agent."""

    def __init__(self, settings: Settings, clock: Clock, log: logging.Logger) -> None:
        self._settings = settings
        self._clock = clock
        self._log = log
        self._bell = Bell()
        self._disk = Disk()
        self._welcomed_once = False

    async def run(self) -> None:
        """Until SIGTERM or SIGINT; the machines run on then.

        Raises:
            BadInput: what the agent needs of its flags, folders or address is wrong.
        """
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        with _take_folders(self._settings):
            parts = self._build()
            server = Server(parts.frozen, parts.peering, self._bell)
            try:
                await server.start(*self._settings.listen)
                await self._serve(parts, stop)
            finally:
                await server.stop()
                await parts.machines.close()
                parts.store.close()

    def _build(self) -> Parts:
        settings, store = self._settings, Store(self._settings.state)
        own = Own.load(settings.state)
        first_uid = first_uid_for(own.data_id, settings.disk)
        places = settings.disk, settings.machine_address, first_uid, settings.cgroups
        sandbox = Sandbox(*places, programs=settings.programs)
        standing = Standing.load(store)
        ring = self._bell.ring
        snapshots = SnapshotStore(settings.snapshots)
        volumes = Volumes(store, VolumeDisk(settings.disk, settings.loops), snapshots, self._clock, ring)
        around = Surroundings(store, sandbox, volumes, standing, self._clock, settings.boot_id, self._log, ring)
        frozen = Frozen.load(store, settings.data / "freeze")
        frozen.look()
        if not first_uid:
            self._log.warning(
                "machines run under the agent's own uid: no root, or %s is closed to others", settings.disk
            )
        keeper = Keeper.load(store)
        peering = Peering.load(settings.name, store, self._clock, own.signing)
        contact = Contact.load(self._clock, settings.state / "contact", settings.boot_id)
        return Parts(own, store, standing, frozen, volumes, Machines(around), sandbox, keeper, peering, contact)

    async def _serve(self, parts: Parts, stop: asyncio.Event) -> None:
        await adopt(parts.machines, parts.store, self._settings.boot_id)
        upkeep = Upkeep(
            self._settings.disk, self._disk, parts.machines, parts.volumes, parts.sandbox, parts.standing,
            parts.frozen, self._bell, parts.store,
        )  # fmt: skip
        stuck = Stuck(self._settings.disk, self._disk, self._bell, self._clock)
        tasks = [asyncio.create_task(part) for part in (
            stop.wait(), upkeep.watch_freeze(self._clock), upkeep.tidy(self._clock), stuck.watch(),
            self._cold_start(parts), self._talk(parts), self._lease(parts).keep(), self._checks(parts).run(),
            parts.contact.keep(),
        )]  # fmt: skip
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _checks(self, parts: Parts) -> Checks:
        return Checks(parts.machines, self._settings.machine_address, self._clock, self._bell.ring)

    def _lease(self, parts: Parts) -> Lease:
        return Lease(self._settings.rack, parts.machines, parts.peering, parts.contact, self._clock, self._log)

    async def _talk(self, parts: Parts) -> None:
        settings = self._settings
        pinned = read_pinned(settings.state) or await enrol(settings, parts.own, self._clock, self._log)
        parts.frozen.operator = parse_verify_key(pinned.operator_key)
        parts.keeper.key = parts.peering.key = parse_verify_key(pinned.verify_key)
        await parts.keeper.take(pinned.ceilings)
        hands = self._hands(parts, pinned)
        trust = Trust(parse_verify_key(pinned.verify_key), parts.own.data_id, parts.frozen, parts.keeper)
        commands = Commands(hands, parts.store, trust, self._log)
        identity = Identity(settings.uuid, key_text(parts.own.signing.verify_key), parts.own.data_id)
        telling = Telling(
            settings, identity, parts.standing, parts.machines, parts.volumes, parts.frozen, self._disk, parts.peering
        )

        async def welcomed(welcome: Welcome, away: float | None) -> None:
            await self._welcomed(parts, hands, welcome, away)

        lines = [
            Line(url, settings.name, parts.own.box, parse_box_key(pinned.box_key), settings.region)
            for url in settings.remediators
        ]
        around = self._bell, parts.contact, self._log, welcomed
        sessions = [Session(line, telling, commands, *around) for line in lines]
        await asyncio.gather(*(session.run() for session in sessions))

    def _hands(self, parts: Parts, pinned: Pinned) -> Hands:
        readers = Readers(parse_box_key(pinned.unseal_key))
        named = Named.load(parts.store, readers, parse_verify_key(pinned.operator_key))
        keys = Keys(parts.own.box, parts.own.signing, named)
        return Hands(self._settings.name, keys, parts.standing, parts.machines, parts.volumes, self._clock)

    async def _welcomed(self, parts: Parts, hands: Hands, welcome: Welcome, away: float | None) -> None:
        if welcome.signature and parts.keeper.key:
            check_welcome(welcome, self._settings.name, parts.keeper.key)
        if parts.standing.outranks(welcome):
            self._log.warning("a welcome of term %s is out of date; it changes nothing here", welcome.term)
            return
        # In memory at once: commands that come right behind the welcome are judged by it.
        parts.standing.obey(welcome)
        self._welcomed_once = True
        parts.machines.lease_over = False
        if welcome.freeze:
            # A thaw, or a freeze, that was spoken while this host was away.
            with contextlib.suppress(PermanentError):
                await parts.frozen.take(welcome.freeze)
        condemned = frozenset(welcome.condemned) - self._spare(parts, welcome, away)
        # What froze the remediator alone, or holds this host, is no word that we could have heard.
        held = condemned - parts.standing.due(self._clock.now(), frozen=bool(parts.frozen.text))
        if held:
            why = parts.frozen.text or welcome.frozen
            self._log.warning("%s condemned machines are not ended: %s", len(held), why)
        # Their end does not wait for the disk; the list is in memory from the first instant.
        await asyncio.gather(parts.standing.keep(), parts.machines.condemn(condemned - held))
        await self._take_terms(parts, hands, welcome)
        await parts.machines.start_wanted(lambda record: welcome.admit or _safe_alone(record))
        # Nothing waits for copies that are closed anew.
        await self._tried(reseal(hands))

    async def _take_terms(self, parts: Parts, hands: Hands, welcome: Welcome) -> None:
        """Ceilings, peers, readers; what is not ours, or finds no room on the disk, changes nothing else."""
        named = hands.keys.named.take(welcome.recipients)
        for taking in (parts.keeper.take(welcome.ceilings), parts.peering.take(welcome.lease), named):
            await self._tried(taking)

    async def _tried(self, taking: Awaitable[None]) -> None:
        try:
            await taking
        except FleetmendError as error:
            self._log.warning("%s", error)

    def _spare(self, parts: Parts, welcome: Welcome, away: float | None) -> frozenset[str]:
        """Who of the condemned runs on until patience is over: nobody but an automatic decision wants it gone."""
        early = parts.keeper.early(away)
        automatic = parts.standing.automatic & frozenset(welcome.condemned)
        spared = {
            machine
            for machine in automatic & parts.machines.records.keys()
            if parts.machines.records[machine].running
        }
        if not early or not spared:
            return frozenset()
        self._log.warning(
            "%s condemned machines run on for %.0f s: this host was not away for longer", len(spared), early
        )
        due = self._clock.now() + timedelta(seconds=early)
        parts.standing.spared |= dict.fromkeys(spared, due)
        return frozenset(spared)

    async def _cold_start(self, parts: Parts) -> None:
        await self._clock.sleep(self._settings.cold_start.total_seconds())
        if not self._welcomed_once:
            self._log.warning("no remediator since the start: what ran last is started, but for single writers")
            await parts.machines.start_wanted(_safe_alone)
        await asyncio.Event().wait()


def _safe_alone(record: MachineRecord) -> bool:
    """What alone may write waits for a word, if it is under lease or may have been given a second life elsewhere."""
    return not (record.volumes and (record.under_lease or record.recoverable))


def _take_folders(settings: Settings) -> BinaryIO:
    """The agent's folders, made, and held for this agent alone as long as the returned file is open.

    Raises:
        BadInput: they cannot be made, or another agent has them.
    """
    shared = (settings.data, settings.disk, settings.disk / "machines", settings.disk / "volumes")
    try:
        settings.state.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in shared:
            folder.mkdir(exist_ok=True)
            # Machines walk through these to their own; they cannot look around in them.
            folder.chmod(_OPEN_TO_PASS if os.geteuid() == 0 else folder.stat().st_mode & 0o7777)
        for name in ("logs", "trash", "images"):
            (settings.disk / name).mkdir(mode=0o700, exist_ok=True)
        lock = (settings.state / "lock").open("wb")
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise BadInput([Problem(str(settings.data), 0, 0, "another agent uses this folder")]) from error
    except OSError as error:
        raise BadInput([Problem(str(error.filename or settings.data), 0, 0, str(error.strerror))]) from error
    return lock
