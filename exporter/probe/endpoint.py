"""``/probe?target=&module=``: one target asked now, as blackbox_exporter does; ``debug=true`` gives words instead."""

import asyncio
from collections.abc import Mapping, Sequence

from aiohttp import web
from aiohttp.hdrs import ACCEPT, ACCEPT_ENCODING
from prometheus_client.metrics_core import Metric

from exporter.clock import Clock
from exporter.page import parse_deadline, render_page
from exporter.probe.ask import ask_once
from exporter.probe.finding import Finding
from exporter.probe.modules import DEFAULT_MODULE, Module
from exporter.probe.names import choose, numeric
from exporter.probe.outcome import Outcome
from exporter.probe.page import build_finding_families
from exporter.probe.prober import Prober
from exporter.probe.target import Check, parse_place
from exporter.render import render_text
from exporter.web.answers import EVERY, plain
from exporter.web.scrape import TIMEOUT_HEADER
from exporter.workers import Workers

MOST_AT_ONCE = 50
LONGEST_TARGET = 2048  # characters
DNS = "probe_dns_lookup_time_seconds"


class Endpoint:
    """Answers requests, of which there may be so many at once."""

    def __init__(self, prober: Prober, modules: Mapping[str, Module], clock: Clock, most: int = MOST_AT_ONCE) -> None:
        self._prober = prober
        self._modules = modules
        self._clock = clock
        self._most = most
        self._open = 0
        self._workers = Workers(1)

    async def answer(self, request: web.BaseRequest) -> web.Response:
        target, name = request.query.get("target", ""), request.query.get("module", DEFAULT_MODULE)
        if not target or len(target) > LONGEST_TARGET:
            return plain(400, "Target parameter is missing or too long")
        if name not in self._modules:
            return plain(400, f"Unknown module {name!r}")
        try:
            check = Check(target, parse_place(target, self._modules[name]), self._modules[name], listed=False)
        except ValueError as error:
            return plain(400, str(error))
        if self._open >= self._most:
            return plain(503, f"Limit of concurrent probes reached ({self._most}), try again later.")
        self._open += 1
        try:
            return await self._answer(request, check)
        finally:
            self._open -= 1

    async def _answer(self, request: web.BaseRequest, check: Check) -> web.Response:
        headers = request.headers
        seconds = min(check.module.timeout, parse_deadline(headers.get(TIMEOUT_HEADER, "")))
        finding = await self._ask(check, seconds)
        families = build_finding_families(finding)
        if request.query.get("debug") == "true":
            return plain(200, build_log(check, seconds, finding, families))
        page = await render_page(
            families, ",".join(headers.getall(ACCEPT, ())), headers.get(ACCEPT_ENCODING, ""), self._workers
        )
        return web.Response(body=page.body, headers={**page.headers, **EVERY})

    async def _ask(self, check: Check, seconds: float) -> Finding:
        began = self._clock.monotonic()
        address = await self._find_address(check, seconds)
        now = self._clock.monotonic()
        looked_up, left = now - began, seconds - (now - began)
        if left <= 0:
            return Finding(Outcome.ERROR_HERE, looked_up, now, (), "no time was left after looking up the name")
        finding = await ask_once(self._prober.asker.make(check, address, left))
        values = ((DNS, "", looked_up), *finding.values)
        return Finding(finding.outcome, looked_up + finding.seconds, finding.at, values, finding.trouble)

    async def _find_address(self, check: Check, seconds: float) -> str:
        host = check.place.host
        found: Sequence[str] = (numeric(host),)
        if not found[0]:
            try:
                async with asyncio.timeout(seconds):
                    found = await self._prober.names.look_up(host)
            except TimeoutError:
                found = ()
        return choose(found, prefer_ip6=check.module.prefer_ip6)


def build_log(check: Check, seconds: float, finding: Finding, families: Sequence[Metric]) -> str:
    """For people: what was asked, what came of it, and the page."""
    said = f": {finding.trouble}" if finding.trouble else ""
    return (
        f"Logs for the probe:\n"
        f"module {check.module.name}, prober {check.module.prober}, {check.place}, at most {seconds:.3f} s\n"
        f"{finding.outcome} after {finding.seconds:.6f} s{said}\n\n"
        f"Metrics that would have been returned:\n{render_text(families).decode()}"
    )
