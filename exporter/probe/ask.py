"""Asking one of our own targets once, by whatever its module says."""

import asyncio
import ssl
from collections.abc import Callable
from typing import Protocol

from exporter.clock import Clock
from exporter.probe.bmc import Bmcs
from exporter.probe.dialling import Dialling, is_secured, plan_check
from exporter.probe.engine import Engine
from exporter.probe.finding import Finding
from exporter.probe.icmp import Ping, Pinger
from exporter.probe.modules import BMC_PROBERS, Module, Prober, build_context
from exporter.probe.outcome import Outcome
from exporter.probe.plan import family_of
from exporter.probe.target import Check

Told = Callable[[Finding], None]


class Asking(Protocol):
    """A check made ready, with the address that it is asked at."""

    def begin(self, told: Told) -> None:
        """Set out; ``told`` is called once, with what came of it."""
        ...


class Pinging:
    """A check that is an echo request."""

    def __init__(self, pinger: Pinger, address: str, timeout: float) -> None:
        self._pinger = pinger
        self._address = address
        self._timeout = timeout

    def begin(self, told: Told) -> None:
        def done(ping: Ping, outcome: Outcome, now: float) -> None:
            seconds = now - ping.began
            rtt = seconds if outcome is Outcome.OK else 0.0
            phases = (("resolve", 0.0), ("setup", 0.0), ("rtt", rtt))
            values = [("probe_ip_protocol", "", 6.0 if ":" in self._address else 4.0)]
            values += [("probe_icmp_duration_seconds", phase, value) for phase, value in phases]
            told(Finding(outcome, seconds, now, values, "timeout" if outcome is Outcome.SILENT else ""))

        self._pinger.ping(family_of(self._address), self._address, self._timeout, done)


class Nameless:
    """A check whose name has no address: whether the target is well nobody here can say."""

    def __init__(self, name: str, clock: Clock) -> None:
        self._name = name
        self._clock = clock

    def begin(self, told: Told) -> None:
        told(Finding(Outcome.ERROR_HERE, 0.0, self._clock.monotonic(), (), f"{self._name} has no address"))


class Asker:
    """Makes checks ready."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._pinger = Pinger(engine)
        self._bmcs = Bmcs(engine, clock)
        self._contexts: dict[str, ssl.SSLContext] = {}

    def make(self, check: Check, address: str, timeout: float) -> Asking:
        """``address`` is numeric, or empty for a name that has none; ``timeout`` in seconds."""
        module = check.module
        if not address:
            return Nameless(check.place.host, self._clock)
        if module.prober is Prober.ICMP:
            return Pinging(self._pinger, address, timeout)
        if module.prober in BMC_PROBERS:
            return self._bmcs.make(check, address, timeout)
        context = self._context(module) if is_secured(check) else None
        plan = plan_check(check, address, timeout, context)
        return Dialling(self._engine, plan, module.http if module.prober is Prober.HTTP else None)

    def _context(self, module: Module) -> ssl.SSLContext:
        if module.name not in self._contexts:
            self._contexts[module.name] = build_context(module.tls)
        return self._contexts[module.name]

    def close(self) -> None:
        self._pinger.close()


async def ask_once(asking: Asking) -> Finding:
    """Wait for what comes of it."""
    future: asyncio.Future[Finding] = asyncio.get_running_loop().create_future()

    def told(finding: Finding) -> None:
        if not future.done():
            future.set_result(finding)

    asking.begin(told)
    return await future
