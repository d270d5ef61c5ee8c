"""Health checks of the machines of this host, as their configs ask for them; told when their status changes.

Whatever port a check names, it is the machine's own that is tried: machines listen where PORT tells them.
"""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import aiohttp

from remediator.agent.machines import Machines
from remediator.agent.record import MachineRecord
from remediator.agent.restart import parse_duration
from remediator.clock import Clock
from remediator.model.check import Check, CheckStatus
from remediator.model.machine import MachineState

LOOK_SECONDS = 0.5
USUAL_INTERVAL, SHORTEST_INTERVAL = timedelta(seconds=15), timedelta(seconds=1)
USUAL_TIMEOUT, LONGEST_TIMEOUT = timedelta(seconds=2), timedelta(seconds=60)
USUAL_GRACE = timedelta(seconds=5)
AT_ONCE = 16
_GOOD = range(200, 300)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Wish:
    """One check as it is asked for."""

    name: str
    kind: str
    interval: timedelta
    timeout: timedelta
    grace: timedelta
    method: str = "GET"
    path: str = "/"
    headers: tuple[tuple[str, str], ...] = ()


def wishes(config: dict[str, Any]) -> Iterator[Wish]:
    """The checks of a config, those of its services too, under the names that clients know."""
    named = config.get("checks")
    for name, check in (named if isinstance(named, dict) else {}).items():
        yield _wish(str(name), check)
    services = config.get("services")
    for number, service in enumerate(services if isinstance(services, list) else []):
        held = service.get("checks") if isinstance(service, dict) else None
        for check in held if isinstance(held, list) else []:
            wish = _wish("", check)
            yield replace(wish, name=f"servicecheck-{number:02d}-{wish.kind}-{service.get('internal_port', 0)}")


def _wish(name: str, told: Any) -> Wish:
    check = told if isinstance(told, dict) else {}
    path = str(check.get("path") or "/")
    method = str(check.get("method") or "GET").upper()
    return Wish(
        name,
        "http" if check.get("type") == "http" else "tcp",
        max(parse_duration(check.get("interval")) or USUAL_INTERVAL, SHORTEST_INTERVAL),
        min(parse_duration(check.get("timeout")) or USUAL_TIMEOUT, LONGEST_TIMEOUT),
        parse_duration(check.get("grace_period")) or USUAL_GRACE,
        method if method in _METHODS else "GET",
        path if path.startswith("/") else f"/{path}",
        tuple(_headers(check.get("headers"))),
    )


def _headers(told: Any) -> Iterator[tuple[str, str]]:
    for header in told if isinstance(told, list) else []:
        values = header.get("values") if isinstance(header, dict) else None
        for value in values if isinstance(values, list) else []:
            yield str(header.get("name", "")), str(value)


@dataclass(slots=True)
class _Run:
    """A machine's present life and its checks: when each is due (monotonic seconds), and how each went."""

    pid: int
    began: float
    due: dict[str, float] = field(default_factory=dict)
    known: dict[str, Check] = field(default_factory=dict)


class Checks:
    """Runs for as long as its agent; a machine that does not run has nothing to be checked."""

    def __init__(self, machines: Machines, address: str, clock: Clock, changed: Callable[[], None]) -> None:
        self._machines = machines
        self._address = address
        self._clock = clock
        self._changed = changed
        self._runs: dict[str, _Run] = {}
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def run(self) -> None:
        async with aiohttp.ClientSession() as http:
            while True:
                await self.look(http)
                await self._clock.sleep(LOOK_SECONDS)

    async def look(self, http: aiohttp.ClientSession) -> None:
        """Try what is due, and tell what has changed."""
        records = {key: record for key, record in self._machines.records.items() if _runs(record)}
        self._runs = {key: run for key, run in self._runs.items() if key in records}
        now = self._clock.monotonic()
        asked = [(record, wish) for record in records.values() for wish in wishes(record.config)]
        due = [(record, wish) for record, wish in asked if self._due(record, wish, now)]
        await asyncio.gather(*(self._try(http, record, wish) for record, wish in due))
        self._tell()

    def _due(self, record: MachineRecord, wish: Wish, now: float) -> bool:
        pid = record.running.pid if record.running else 0
        run = self._runs.get(record.id)
        if run is None or run.pid != pid:
            run = self._runs[record.id] = _Run(pid, now)
        if wish.name not in run.known:
            run.known[wish.name] = Check(wish.name, CheckStatus.WARNING, "not tried yet", self._clock.now())
        if run.due.get(wish.name, now) > now:
            return False
        run.due[wish.name] = now + wish.interval.total_seconds()
        return True

    async def _try(self, http: aiohttp.ClientSession, record: MachineRecord, wish: Wish) -> None:
        async with self._turns:
            status, output = await tried(http, wish, self._address, record.port)
        run = self._runs.get(record.id)
        if run is None:
            return
        waiting = self._clock.monotonic() - run.began < wish.grace.total_seconds()
        if status is CheckStatus.CRITICAL and waiting:
            # It may still be starting; asked again soon.
            status = CheckStatus.WARNING
            run.due[wish.name] = self._clock.monotonic() + SHORTEST_INTERVAL.total_seconds()
        before = run.known[wish.name]
        if status is not before.status:
            run.known[wish.name] = Check(wish.name, status, output, self._clock.now())

    def _tell(self) -> None:
        """Put what is known into the records, in memory alone; what does not run has no checks."""
        for key, record in list(self._machines.records.items()):
            known = self._runs[key].known if key in self._runs else {}
            checks = tuple(known[name] for name in sorted(known))
            if record.checks != checks:
                self._machines.records[key] = replace(record, checks=checks)
                self._changed()


def _runs(record: MachineRecord) -> bool:
    return record.state is MachineState.STARTED and record.running is not None


async def tried(http: aiohttp.ClientSession, wish: Wish, address: str, port: int) -> tuple[CheckStatus, str]:
    """How one try went."""
    host = f"[{address}]" if ":" in address else address
    try:
        async with asyncio.timeout(wish.timeout.total_seconds()):
            if wish.kind == "tcp":
                _, writer = await asyncio.open_connection(address, port)
                writer.close()
                return CheckStatus.PASSING, "connected"
            url = f"http://{host}:{port}{wish.path}"
            async with http.request(wish.method, url, headers=dict(wish.headers), allow_redirects=False) as answered:
                good = answered.status in _GOOD
                return CheckStatus.PASSING if good else CheckStatus.CRITICAL, f"answered {answered.status}"
    except TimeoutError:
        return CheckStatus.CRITICAL, f"no answer within {wish.timeout.total_seconds():g} s"
    except (aiohttp.ClientError, OSError, ValueError):
        return CheckStatus.CRITICAL, "no connection"
