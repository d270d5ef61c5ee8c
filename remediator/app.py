"""The composition root: the only module that knows every concrete class."""

import asyncio
import gc
import json
import logging
import signal
import socket
import uuid
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import aiohttp
from aiohttp import web

from remediator.actions import ACTIONS
from remediator.api.discovery import VantagePlace
from remediator.api.fleet import build_fleet_app
from remediator.api.public import build_public_app
from remediator.api.requests import RequestCounter
from remediator.api.settings import ProbePace, PublicSettings
from remediator.clock import Clock, SystemClock
from remediator.drivers.embedded import EmbeddedDriver
from remediator.drivers.protocol import Switch
from remediator.drivers.provider import ProviderDriver
from remediator.engine.lives import LifeTimes
from remediator.engine.verdicts import EvidenceTimes
from remediator.journal.sqlite import SqliteJournal
from remediator.keyring import load_keys
from remediator.meters import Measured, Totals
from remediator.model.enrolment import Term
from remediator.model.errors import BadInput, Problem
from remediator.model.evidence import Gate
from remediator.model.host import Host, HostStatus, Life
from remediator.model.policy import Policy
from remediator.policy.check import patience_problems
from remediator.policy.configuration import load_inventory
from remediator.policy.load import load_policy
from remediator.runtime.agents import Agents
from remediator.runtime.configs import ConfigCache
from remediator.runtime.desk import Desk, Parts
from remediator.runtime.enrol import Enrolments, Identity
from remediator.runtime.freezer import Freezer
from remediator.runtime.ledger import Ledger
from remediator.runtime.loop import Loop, Rules
from remediator.runtime.outbox import Outbox
from remediator.runtime.prepare import Preparation
from remediator.runtime.requests import Requests
from remediator.runtime.watch import Watch
from remediator.settings import InventoryHost, Settings
from remediator.sources.evaluator import Evaluator
from remediator.sources.evidence import Evidence
from remediator.sources.power import Bmc, read_power
from remediator.sources.schedule import Schedule
from remediator.sources.store import Store
from remediator.sources.store_health import StoreHealth
from remediator.telemetry import Telemetry
from remediator.unseal.client import Unsealer
from remediator.version import VERSION
from remediator.wire.keys import fingerprint, key_text

log = logging.getLogger("fleetmend")
_POWER_EVERY = 1.0
_PLACES_EVERY = 1.0


async def serve(settings: Settings) -> None:
    """Run a remediator until SIGTERM or SIGINT.

    Raises:
        BadInput, JournalUnusable: before anything was changed; one clear text each.
    """
    policy = load_policy(settings.rules, ACTIONS, settings.liveness_playbook)
    if problems := patience_problems(settings, policy, settings.rules / "limits.yml"):
        raise BadInput(problems)
    policy = replace(policy, limits=replace(policy.limits, patience=settings.patience))
    inventory = {host.name: host for host in load_inventory(settings.hosts)}
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with AsyncExitStack() as stack:
        remediator = Remediator(settings, policy, inventory, SystemClock())
        await remediator.open(stack)
        # What was read from the journal is here to stay: looking through a large fleet for garbage stops everything.
        gc.freeze()
        await remediator.listen(stack)
        await remediator.work_until(stopped)


class Remediator:
    """Every part, wired once; ``open`` in order, closed by the stack in reverse."""

    def __init__(
        self, settings: Settings, policy: Policy, inventory: Mapping[str, InventoryHost], clock: Clock
    ) -> None:
        self.settings = settings
        self.policy = policy
        self.inventory = inventory
        self.clock = clock
        self.telemetry = Telemetry(VERSION, lambda: self.measured.reading(clock.now().timestamp()))
        self.telemetry.reloaded(successful=True)

    async def open(self, stack: AsyncExitStack) -> None:
        """Lock the journal, begin a term, and put the parts together; nothing acts yet."""
        data = self.settings.data
        self.ledger = Ledger(SqliteJournal(data))
        stack.push_async_callback(self.ledger.close)
        self.keys = load_keys(data)
        self.term = await _begin_term(self.ledger, self.clock)
        await _expect(self.ledger, self.inventory, self.clock)
        self.unsealer = await Unsealer.start(data / "unseal.key", data / "journal.db")
        stack.push_async_callback(self.unsealer.close)
        self.session = await stack.enter_async_context(aiohttp.ClientSession())
        self._wire_watching()
        self._wire_acting()
        stack.push_async_callback(self.outbox.close)
        await self.loop.remember()

    def _wire_watching(self) -> None:
        settings, clock = self.settings, self.clock
        self.times = EvidenceTimes(settings.probe_interval, settings.heartbeat_interval, settings.dead_after)
        self.watch = Watch(self.ledger, Evidence(), self.times, clock)
        self.watch.on_return = {"": settings.on_return.default, **settings.on_return.apps}
        store = Store(settings.store_url, settings.store_timeout, settings.store_token_file)
        # Threads of their own: a store that hangs must not starve anything else, the canary least of all.
        self.health = StoreHealth(store, clock, settings.gate, ThreadPoolExecutor(1, "canary"))
        self.evaluator = Evaluator(self.policy.groups, store, clock, self.health.gate, ThreadPoolExecutor(4, "rules"))
        self.schedule = Schedule(self.evaluator, clock, spread=settings.evaluation_jitter)
        self.watch.alerts = self.evaluator.alerts
        self.freezer = Freezer(settings.data, self.keys.operator.verify_key)
        self.watch.freeze_statement = self.freezer.statement

    def _wire_acting(self) -> None:
        settings, clock, ledger = self.settings, self.clock, self.ledger
        configs = ConfigCache()
        agents = Agents(ledger, self.watch, configs, self.term, clock)
        self.enrolments = Enrolments(ledger, self._identity(), clock)
        self.driver = EmbeddedDriver(self.keys.box, agents, agents)
        hosts = ProviderDriver(self.session, settings.provider)
        prepare = Preparation(ledger, self.unsealer, self.enrolments)
        switch = Switch({"provision": hosts}, self.driver)
        self.outbox = Outbox(ledger, switch, prepare, clock, self.telemetry)
        times = LifeTimes(self.times, settings.probation)
        rules = Rules(self.policy, ACTIONS, settings.liveness_playbook, times)
        self.loop = Loop(ledger, self.watch, self.outbox, agents, rules, clock, self.telemetry)
        requests = Requests(ledger, self.watch, self.outbox, clock, settings)
        self.desk = Desk(
            Parts(
                ledger=ledger,
                watch=self.watch,
                loop=self.loop,
                requests=requests,
                enrolments=self.enrolments,
                agents=agents,
                configs=configs,
                freezer=self.freezer,
                clock=clock,
            )
        )
        self.measured = Measured(ledger, self.watch, self.loop, self.driver, self.evaluator, self.health)
        self.totals = Totals(self.measured, self.telemetry)

    def _identity(self) -> Identity:
        mark = fingerprint(self.keys.box.public_key)
        public = {
            "box_key": key_text(self.keys.box.public_key),
            "verify_key": key_text(self.keys.signing.verify_key),
            "unseal_key": self.unsealer.public_key,
            "operator_key": key_text(self.keys.operator.verify_key),
            "fingerprint": mark,
        }
        return Identity(public, mark, self.keys.join_secret)

    def gate(self) -> Gate:
        return self.health.gate()

    def frozen(self) -> str:
        return self.freezer.frozen()

    async def listen(self, stack: AsyncExitStack) -> None:
        """Open both listeners: people and clients here, agents and probers there.

        Raises:
            BadInput: an address is in use or cannot be bound.
        """
        settings = self.settings
        counter = RequestCounter(self.clock.monotonic, VERSION)
        self.desk.api_requests = lambda: counter.total
        public = PublicSettings(
            version=VERSION,
            organisation=settings.organisation,
            orchestrator_targets=(settings.orchestrator_exporter,) if settings.orchestrator_exporter else (),
            remediator_targets=tuple(filter(None, [_scrape_address(settings)])),
            deploys={VERSION: self.term.began},
        )
        app = build_public_app(
            self.desk,
            public,
            operator_token=self.keys.operator_token,
            requests=counter,
            metrics_text=self._metrics_page,
            vantages=self._places,
        )
        await _serve(stack, app, settings.listen, "listen")
        pace = ProbePace(settings.probe_interval.total_seconds(), settings.probe_timeout.total_seconds())
        await _serve(
            stack, build_fleet_app(self.desk, self.driver.serve, pace), settings.fleet_listen, "fleet_listen"
        )

    def _metrics_page(self) -> bytes:
        self.totals.carry_over()
        return self.telemetry.page()

    def _places(self) -> list[VantagePlace]:
        known = self.watch.evidence.vantages(self.clock.now())
        return [VantagePlace(vantage.name, vantage.region, vantage.rack, vantage.address) for vantage in known]

    async def work_until(self, stopped: asyncio.Event) -> None:
        """Everything that goes on by itself; the end of any part is the end of all."""
        log.info("listening on %s, agents on %s", self.settings.listen, self.settings.fleet_listen)
        work: list[asyncio.Task[object]] = [
            asyncio.create_task(self.health.run()),
            asyncio.create_task(self.schedule.run()),
            asyncio.create_task(self.loop.run(self)),
            asyncio.create_task(self._read_powers()),
            asyncio.create_task(self._publish_places()),
            asyncio.create_task(stopped.wait()),
        ]
        done, _ = await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)
        for task in done:
            task.result()

    async def _read_powers(self) -> None:
        """Ask the BMC of every host that is in doubt or dead, once a second."""
        while True:
            doubted = [h for h in self.ledger.all(Host).values() if h.life in (Life.SUSPECT, Life.DEAD)]
            await asyncio.gather(*(self._read_power(host) for host in doubted))
            await self.clock.sleep(_POWER_EVERY)

    async def _read_power(self, host: Host) -> None:
        known = self.inventory.get(host.name)
        if known is None or known.bmc is None or known.bmc.token_file is None:
            return
        state = await read_power(self.session, Bmc(known.bmc.url, known.bmc.token_file), host)
        self.watch.evidence.powered(host.name, state, self.clock.now())

    async def _publish_places(self) -> None:
        """Keep agents.json, by which stop-all finds the agents when we are gone."""
        written: list[dict[str, object]] = []
        while True:
            places: list[dict[str, object]] = [
                {"name": host.name, "address": host.address, "port": host.agent_port}
                for host in self.ledger.all(Host).values()
                if host.address and host.life is not Life.RETIRED
            ]
            if places != written:
                _replace_file(self.settings.data / "agents.json", json.dumps(places))
                written = places
            await self.clock.sleep(_PLACES_EVERY)


async def _begin_term(ledger: Ledger, clock: Clock) -> Term:
    """One more term of the same incarnation, or the first of a new one."""
    now = clock.now()
    before = ledger.get(Term, "term")
    born = before.incarnation if before else f"{now.isoformat(timespec='seconds')}-{uuid.uuid4().hex[:8]}"
    term = Term(born, before.number + 1 if before else 1, now)
    async with ledger.writing() as draft:
        draft.put(term)
        draft.note(now, "term", "remediator", {"term": term.number, "incarnation": born})
    return term


async def _expect(ledger: Ledger, inventory: Mapping[str, InventoryHost], clock: Clock) -> None:
    """Hosts that the inventory names and nobody has seen yet: shown, and told to people, until they join."""
    now = clock.now()
    async with ledger.writing() as draft:
        for host in inventory.values():
            if ledger.get(Host, host.name) is None:
                blank = Host(host.name, host.region, host.rack, since=now, status_since=now, role=host.role)
                known = replace(blank, provider=host.provider, address=host.address, labels=host.labels)
                draft.put(replace(known, status=HostStatus.UNKNOWN, reason="expected, not yet seen"))


async def _serve(stack: AsyncExitStack, app: web.Application, places: str, key: str) -> None:
    """Listen on every place of a comma-separated list: HOST:PORT, or fd:N for a socket we inherited."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    for place in places.split(","):
        try:
            await _site(runner, place.strip()).start()
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise BadInput([Problem("fleetmend.yml", 0, 0, f"{key}: cannot listen on {place}: {reason}")]) from error


def _site(runner: web.AppRunner, place: str) -> web.BaseSite:
    if place.startswith("fd:"):
        return web.SockSite(runner, socket.socket(fileno=int(place[3:])))
    host, _, port = place.rpartition(":")
    return web.TCPSite(runner, host.strip("[]"), int(port))


def _scrape_address(settings: Settings) -> str:
    """Where the store finds our own page: the first listener that has an address of its own."""
    places = [place.strip() for place in settings.listen.split(",") if not place.strip().startswith("fd:")]
    return places[0] if places else ""


def _replace_file(path: Path, text: str) -> None:
    fresh = path.with_suffix(".new")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)
