"""The composition root: the only module that knows every concrete class."""

import asyncio
import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from datetime import timedelta

import aiohttp

from remediator.actions import ACTIONS
from remediator.alerting import Alerting, Around, all_alerts, build_intake, external_url
from remediator.api.discovery import VantagePlace
from remediator.api.fleet import build_fleet_app
from remediator.api.keys import KeysApi
from remediator.api.public import build_public_app
from remediator.api.requests import RequestCounter
from remediator.api.settings import ProbePace, PublicSettings
from remediator.clock import Clock
from remediator.drivers.embedded import EmbeddedDriver
from remediator.drivers.fencing import fencing_of
from remediator.drivers.power import power_of
from remediator.drivers.protocol import Driver, Switch
from remediator.drivers.provider import ProviderDriver
from remediator.drivers.webhook import WebhookDriver
from remediator.engine.evidence.lives import LifeTimes
from remediator.evaluation import Evaluation, evidence_times
from remediator.keyring import load_keys
from remediator.listeners import scrape_address
from remediator.meters import Measured, Totals
from remediator.model.enrolment import Term
from remediator.model.evidence import Gate
from remediator.model.policy import Policy
from remediator.policy.load import PolicyReader
from remediator.runtime.agents.configs import ConfigCache
from remediator.runtime.agents.door import Agents
from remediator.runtime.agents.enrol import Enrolments, Identity
from remediator.runtime.agents.leases import LeaseRound, Terms
from remediator.runtime.agents.rounds import KnownRound, PowerRound, publish_agents
from remediator.runtime.agents.sworn import Sworn
from remediator.runtime.agents.watch import Watch
from remediator.runtime.backlog import opened_by_start, stay_seen
from remediator.runtime.desk import Desk, Parts
from remediator.runtime.doubts import Doubts
from remediator.runtime.effects.fences_seen import look_after_fences
from remediator.runtime.effects.fencing import GIVE_UP, objections
from remediator.runtime.effects.outbox import Outbox
from remediator.runtime.effects.prepare import Preparation
from remediator.runtime.leading.beginning import begin_term, expect
from remediator.runtime.ledger import Ledger
from remediator.runtime.loop import Loop, Rules
from remediator.runtime.machines.backups import Backups
from remediator.runtime.machines.desk import MachineDesk
from remediator.runtime.machines.requests import Requests
from remediator.runtime.machines.sealing import SealingKeys
from remediator.runtime.machines.volume_ends import VolumeEnds
from remediator.runtime.people.asked import Asked
from remediator.runtime.people.freezer import Freezer
from remediator.runtime.people.meters import PeopleMeters
from remediator.runtime.people.owners import Owners
from remediator.runtime.reload import Reload, Users
from remediator.runtime.rewound import Rewound
from remediator.runtime.upkeep import Upkeep
from remediator.runtime.whatif import WhatIf
from remediator.settings import InventoryHost, Settings
from remediator.sources.evidence import Evidence
from remediator.sources.store import Store
from remediator.sources.store_health import StoreHealth
from remediator.telemetry import Telemetry
from remediator.tenants import Tenants
from remediator.turns.joining import join, our_alerts
from remediator.turns.seat import Seat
from remediator.unseal.client import Unsealer
from remediator.unseal.rows import JournalPlace
from remediator.version import VERSION
from remediator.wire.keys import fingerprint, key_text

log = logging.getLogger("fleetmend")


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

    async def open(self, stack: AsyncExitStack, seat: Seat) -> None:
        """Begin a term, and put the parts together; nothing acts yet."""
        data = self.settings.data
        self.seat = seat
        # In a thread: other shards that are led here must not wait for two hundred thousand rows.
        self.ledger = await asyncio.to_thread(Ledger, seat.journal)
        stack.push_async_callback(self.ledger.close)
        self.ledger.before_commit.append(VolumeEnds(self.ledger, self.clock))
        self.ledger.before_commit.append(Owners(self.ledger, self.settings.owners, self.clock))
        self.ledger.before_commit.append(Asked(self.settings.questions, self.clock))
        self.keys = load_keys(data)
        key, keep = self.keys.signing.verify_key, self.settings.keep_history
        self.upkeep = Upkeep(self.ledger, seat.place, key, keep, self.clock)
        await self.upkeep.begin()
        before = self.ledger.get(Term, "term")
        self.term = await begin_term(self.ledger, self.clock, fingerprint(self.keys.box.public_key))
        await self._look_back()
        await expect(self.ledger, self.inventory.values(), self.clock)
        place = self.settings.journal or str(data / "journal.db")
        rows = JournalPlace(place, self.settings.journal_password_file, self.ledger.shard)
        self.unsealer = await Unsealer.start(data / "unseal.key", rows)
        stack.push_async_callback(self.unsealer.close)
        self.session = await stack.enter_async_context(aiohttp.ClientSession())
        self._wire_watching()
        self.evaluation.restore(before, self.term.began)
        stack.push_async_callback(self.evaluation.close)
        self.watch.backlog_since = opened_by_start(self.policy, before, self.term.began)
        self._wire_acting()
        self._wire_telling()
        stack.push_async_callback(self.outbox.close)
        await self.loop.remember()
        self.joined = await join(stack, seat, self.ledger, self.watch, self.loop.policy, self.clock)

    async def _look_back(self) -> None:
        """Whether this journal is all that it was: agents will say, and the head that was exported last says now."""
        self.rewound = Rewound(self.ledger, self.term, self.clock)
        await self.rewound.remember()
        if self.upkeep.rewound:
            await self.rewound.suspect(self.upkeep.rewound)
        self.rewound.renewed.append(self._renewed)

    def _renewed(self, term: Term) -> None:
        self.term = term
        self.upkeep.rewound = ""

    def _wire_watching(self) -> None:
        settings, clock = self.settings, self.clock
        self.times = evidence_times(settings)
        self.watch = Watch(self.ledger, Evidence(self.times), self.times, clock)
        self.watch.patience = self.policy.limits.patience
        self.watch.on_return = {"": settings.on_return.default, **settings.on_return.apps}
        # A minute: what lies further ahead of the store's own clock is the future, and ours is wrong.
        store = Store(settings.store_url, settings.store_timeout, settings.store_token_file, timedelta(minutes=1))
        # Threads of their own: a store that hangs must not starve anything else, the canary least of all.
        self.health = StoreHealth(store, clock, settings.gate, ThreadPoolExecutor(1, "canary"))
        self.evaluation = Evaluation(
            self.policy.groups, store, self.ledger, clock, self.health.gate, settings, external_url(settings)
        )
        self.telemetry.add(self.evaluation)
        self.evaluator = self.evaluation.evaluator
        self.doubts = Doubts(self.ledger, self.watch.evidence, self.health.gate, clock)
        self.doubts.sources += [self.upkeep.doubts, self.rewound.doubts]
        self.doubts.rules = self.evaluator.slots
        self.doubts.lease = self.seat.lost
        self.watch.doubts = self.doubts
        self.intake = build_intake(self.ledger, clock, settings)
        self.watch.alerts = our_alerts(lambda: all_alerts(self.evaluator, self.intake), self.seat, self.ledger)
        self.freezer = Freezer(settings.data, self.keys.operator.verify_key, clock)
        self.watch.freeze_statement, self.watch.freeze_word = self.freezer.statement, self.freezer.word

    def _wire_acting(self) -> None:
        settings, clock, ledger = self.settings, self.clock, self.ledger
        configs = ConfigCache()
        agents = self._wire_agents(configs)
        self._wire_sealing(agents)
        ceilings = agents.sworn.ceilings if agents.sworn else dict
        self.enrolments = Enrolments(ledger, self._identity(), clock, ceilings)
        hosts = ProviderDriver(self.session, settings.provider)
        prepare = Preparation(ledger, self.unsealer, self.enrolments, clock, self.watch.known)
        hooks = WebhookDriver(self.session, settings.webhooks)
        uncheckable = self.seat.bound({"provision": hosts, "give_back": hosts, "webhook": hooks, **self._power()})
        switch = Switch(uncheckable, self.driver)
        self.outbox = Outbox(ledger, switch, prepare, clock, self.telemetry)
        times = LifeTimes(self.times, settings.probation)
        rules = Rules(self.policy, ACTIONS, settings.liveness_playbook, times)
        self.loop = Loop(ledger, self.watch, self.outbox, agents, rules, clock, self.telemetry)
        self.loop.looked = self.doubts.looked
        self.reload = self._wire_reload()
        self.desk = self._build_desk(agents, configs)

    def _build_desk(self, agents: Agents, configs: ConfigCache) -> Desk:
        ledger, clock = self.ledger, self.clock
        requests = Requests(ledger, self.watch, self.outbox, clock, self.settings)
        requests.configs = configs
        return Desk(
            Parts(
                ledger=ledger,
                watch=self.watch,
                loop=self.loop,
                requests=requests,
                life=MachineDesk(ledger, self.watch, requests.carrier, self.driver, configs, clock),
                enrolments=self.enrolments,
                agents=agents,
                configs=configs,
                freezer=self.freezer,
                reload=self.reload,
                clock=clock,
            )
        )

    def _wire_agents(self, configs: ConfigCache) -> Agents:
        ledger, lease = self.ledger, self.settings.lease
        agents = Agents(ledger, self.watch, configs, self.term, self.clock)
        self.driver = EmbeddedDriver(self.keys.box, agents, agents, agents.stamped)
        agents.sworn = Sworn(self.keys.signing, ledger, self.policy.limits, lease, self.clock)
        agents.rewound = self.rewound
        self.rewound.renewed.append(agents.renew)
        self.rewound.hang_up = self.driver.hang_up
        self.leases = LeaseRound(ledger, agents.lease_words, self.watch.sighting, lease, self.clock)
        self.leases.give = Terms(agents.sworn, ledger, self.driver.tell).give
        return agents

    def _wire_sealing(self, agents: Agents) -> None:
        ledger, operator, data = self.ledger, self.keys.operator.verify_key, self.settings.data
        self.sealing = SealingKeys(ledger, data, operator, self.unsealer, self.driver.hang_up, self.clock)
        if agents.sworn:
            agents.sworn.recipients = self.sealing.document

    def _power(self) -> dict[str, Driver]:
        """The verbs that take power, or cut a host off."""
        places = {name: host.bmc for name, host in self.inventory.items() if host.bmc}
        object_to = objections(self.ledger, self.clock.now, self._stopped)
        self.bmcs, power = power_of(places, self.clock, object_to)
        place = self.settings.fencing.orchestrator
        self.orchestrator, fences = fencing_of(place, self.session, self.clock, object_to, GIVE_UP)
        return power | fences

    def _stopped(self) -> dict[str, str]:
        """Why nothing may be destroyed this instant."""
        frozen = self.freezer.frozen()
        return {**({"frozen": frozen} if frozen else {}), **self.doubts()}

    def _wire_reload(self) -> Reload:
        settings = self.settings
        users = Users(self.ledger, self.loop, self.watch, self.evaluator, self.evaluation.schedule)
        # limits.yml has other owners than the rules: those of the start stay in force.
        reader = PolicyReader(settings.rules, ACTIONS, settings.liveness_playbook, self.policy.limits)
        return Reload(settings.rules, reader.read, users, self.clock, self.telemetry.reloaded)

    def _wire_telling(self) -> None:
        ledger, clock = self.ledger, self.clock
        self.tenants = Tenants(ledger, clock, self.settings)
        self.whatif = WhatIf(self.watch.fleet, self.desk.assumed, clock, self.desk.mark)
        self.desk.looked = lambda: self.whatif.outlook
        self.desk.journal_head = self.upkeep.head
        self.desk.cautions = lambda: [*self.upkeep.told(), *self.rewound.told_people(), *self.tenants.cautions()]
        self.desk.rewound = self.rewound
        asked = (self.desk.outlook, lambda: self.evaluation.written_back)
        self.measured = Measured(ledger, self.watch, self.loop, self.driver, self.evaluator, self.health, *asked)
        self.totals = Totals(self.measured, self.telemetry)
        around = Around(ledger, self.evaluator, self.loop, clock, self.session, self.health.gate)
        self.alerting = Alerting(self.intake, around, self.settings)
        self.telemetry.add(self.alerting)
        self.telemetry.add(PeopleMeters(self.watch.fleet, lambda: self.loop.rules.policy.playbooks, clock))

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
            remediator_targets=tuple(filter(None, [scrape_address(settings.listen)])),
            deploys={VERSION: self.term.began},
            tenancy=self.tenants.tenancy(),
        )
        app = build_public_app(
            self.desk,
            public,
            operator_token=self.keys.operator_token,
            requests=counter,
            metrics_text=self._metrics_page,
            vantages=self._places,
            alerts=[*self.alerting.endpoints(VERSION), *KeysApi(self.sealing).endpoints()],
        )
        await self.seat.listen(stack, app, "listen")
        pace = ProbePace(settings.probe_interval.total_seconds(), settings.probe_timeout.total_seconds())
        await self.seat.listen(stack, build_fleet_app(self.desk, self.driver.serve, pace), "fleet_listen")

    def _metrics_page(self) -> bytes:
        self.totals.carry_over()
        return self.telemetry.page()

    def _places(self) -> list[VantagePlace]:
        known = self.watch.evidence.vantages(self.clock.now())
        return [VantagePlace(vantage.name, vantage.region, vantage.rack, vantage.address) for vantage in known]

    async def work_until(self, stopped: asyncio.Event) -> None:
        """Everything that goes on by itself; the end of any part is the end of all."""
        log.info("listening on %s, agents on %s", self.settings.listen, self.settings.fleet_listen)
        powers = PowerRound(self.watch.doubted, self.watch.evidence, self.bmcs, self.clock)
        known = KnownRound(self.ledger, self.bmcs, self.clock)
        work: list[asyncio.Task[object]] = [
            asyncio.create_task(self.health.run()),
            asyncio.create_task(self.evaluation.run()),
            asyncio.create_task(self.alerting.run()),
            asyncio.create_task(self.loop.run(self)),
            asyncio.create_task(self.reload.run()),
            asyncio.create_task(self.whatif.run()),
            asyncio.create_task(stay_seen(self.ledger, self.clock)),
            asyncio.create_task(self.upkeep.run()),
            asyncio.create_task(Backups(self.ledger, self.watch, self.clock).run()),
            asyncio.create_task(powers.run()),
            asyncio.create_task(known.run()),
            asyncio.create_task(look_after_fences(self.orchestrator, self.ledger, self.clock)),
            asyncio.create_task(self.leases.run()),
            asyncio.create_task(self.tenants.run()),
            asyncio.create_task(publish_agents(self.ledger, self.seat.place / "agents.json", self.clock)),
            asyncio.create_task(self.seat.keep()),
            asyncio.create_task(self.joined.run()),
            asyncio.create_task(stopped.wait()),
        ]
        done, _ = await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)
        for task in done:
            task.result()
