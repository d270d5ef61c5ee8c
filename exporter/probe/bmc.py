"""BMCs among our own targets: one question at a time to each, by what the credentials file says at that moment."""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Protocol

from exporter.clock import Clock
from exporter.probe.credentials import Login, find_login
from exporter.probe.dialling import describe_certificate
from exporter.probe.engine import Engine
from exporter.probe.finding import Finding, Value
from exporter.probe.ipmi import Ipmitool, Reply, build_command
from exporter.probe.modules import Bmc, Prober, Tls, build_context
from exporter.probe.outcome import Outcome
from exporter.probe.plan import Plan, Security, family_of
from exporter.probe.redfish import Failed, Redfish
from exporter.probe.target import Check
from exporter.workers import Workers

CHILDREN = 8  # at most so many at once
UP = {Prober.IPMI: ("ipmi_up", "chassis"), Prober.REDFISH: ("redfish_up", "")}
POWER = {Prober.IPMI: "ipmi_chassis_power_state", Prober.REDFISH: "redfish_system_power_on"}


class Speaker(Protocol):
    """One way to ask one BMC for its power state."""

    @property
    def certificate(self) -> bytes: ...

    async def ask(self, login: Login, seconds: float) -> Reply: ...


class Questioning:
    """A check that is a BMC's power state."""

    def __init__(self, check: Check, bmc: Bmc, speaker: Speaker, timeout: float, clock: Clock) -> None:
        self._check = check
        self._bmc = bmc
        self._speaker = speaker
        self._timeout = timeout
        self._clock = clock
        self._open: asyncio.Task[None] | None = None

    def begin(self, told: Callable[[Finding], None]) -> None:
        if self._open is not None and not self._open.done():
            reply = Reply(Outcome.ERROR_HERE, trouble="the question before is still open")
            told(self._describe(reply, self._clock.monotonic()))
            return
        self._open = asyncio.get_running_loop().create_task(self._ask(told))

    async def _ask(self, told: Callable[[Finding], None]) -> None:
        began = self._clock.monotonic()
        try:
            login = find_login(self._bmc.credentials, self._check.target, default=self._check.listed)
            reply = await self._speaker.ask(login, self._timeout)
        except (OSError, ValueError) as error:
            reply = Reply(Outcome.ERROR_HERE, trouble=str(error))
        told(self._describe(reply, began))

    def _describe(self, reply: Reply, began: float) -> Finding:
        now, prober = self._clock.monotonic(), self._check.module.prober
        values: list[Value] = [(*UP[prober], float(reply.outcome is Outcome.OK))]
        if reply.power:
            values.append((POWER[prober], "", float(reply.power == "on")))
        values += describe_certificate(self._speaker.certificate)
        return Finding(reply.outcome, now - began, now, values, reply.trouble)


class IpmiSpeaker:
    """By a child in a thread."""

    certificate = b""

    def __init__(self, workers: Workers, tool: Ipmitool, program: str, address: str, port: int) -> None:
        self._workers = workers
        self._tool = tool
        self._program = program
        self._place = (address, port)

    async def ask(self, login: Login, seconds: float) -> Reply:
        command = build_command(self._program, *self._place, login.username)
        return await asyncio.wrap_future(self._workers.submit(partial(self._tool.ask, command, login, seconds)))


class RedfishSpeaker:
    """By connections of the engine; whom to trust may be said for each BMC."""

    def __init__(self, redfish: Redfish, trust: Callable[[Login], Security]) -> None:
        self._redfish = redfish
        self._trust = trust

    @property
    def certificate(self) -> bytes:
        return self._redfish.certificate

    async def ask(self, login: Login, seconds: float) -> Reply:
        self._redfish.secure(self._trust(login))
        try:
            return Reply(Outcome.OK, await self._redfish.read_power(login, seconds))
        except Failed as error:
            return Reply(error.outcome, trouble=str(error))


class Bmcs:
    """Makes checks of BMCs ready; all of them share a few children."""

    def __init__(self, engine: Engine, clock: Clock, tool: Ipmitool | None = None) -> None:
        self._engine = engine
        self._clock = clock
        self._tool = tool or Ipmitool(clock)
        self._workers = Workers(CHILDREN)
        self._contexts: dict[Tls, ssl.SSLContext] = {}

    def make(self, check: Check, address: str, timeout: float) -> Questioning:
        module = check.module
        if module.bmc is None:
            raise ValueError(f"module {module.name} has no credentials")
        speaker = self._ipmi(check, address) if module.prober is Prober.IPMI else self._redfish(check, address)
        return Questioning(check, module.bmc, speaker, timeout, self._clock)

    def _ipmi(self, check: Check, address: str) -> Speaker:
        program = check.module.bmc.ipmitool if check.module.bmc else ""
        return IpmiSpeaker(self._workers, self._tool, program, address, check.place.port)

    def _redfish(self, check: Check, address: str) -> Speaker:
        module, place = check.module, check.place
        plan = Plan(family_of(address), (address, place.port), module.timeout)
        session = bool(module.bmc and module.bmc.session)
        name = module.tls.server_name or place.host

        def trust_by(login: Login) -> Security:
            return Security(self._context(trust(module.tls, login)), name)

        redfish = Redfish(self._engine, self._clock, plan, place.authority, session=session)
        return RedfishSpeaker(redfish, trust_by)

    def _context(self, tls: Tls) -> ssl.SSLContext:
        if tls not in self._contexts:
            self._contexts[tls] = build_context(tls)
        return self._contexts[tls]


def trust(tls: Tls, login: Login) -> Tls:
    """The module's word, unless the BMC's own entry says otherwise."""
    ca_file = Path(login.ca_file) if login.ca_file else tls.ca_file
    skip = tls.insecure_skip_verify if login.insecure_skip_verify is None else login.insecure_skip_verify
    return replace(tls, ca_file=ca_file, insecure_skip_verify=skip)
