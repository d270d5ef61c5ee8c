"""The prober's parts put together."""

import asyncio
import resource
from collections.abc import Sequence

import aiohttp

from exporter.clock import Clock
from exporter.errors import BadStart
from exporter.probe.enrol import (
    enrol,
    keep_token,
    load_token,
    offered_path,
    offered_token,
    read_join_token,
)
from exporter.probe.flags import ProbeSettings
from exporter.probe.groups import merge_checks
from exporter.probe.prober import Prober
from exporter.probe.report import Reporter, open_session
from exporter.probe.sources import Source
from exporter.probe.wire import Assignment, Vantage, build_report, merge_assignments


async def run_probe(
    settings: ProbeSettings, prober: Prober, address: str, clock: Clock, sources: Sequence[Source] = ()
) -> None:
    """Enrol if need be, then probe and report for ever. Raises BadStart if enrolment is refused.

    Without a remediator there is nobody to report to: only what ``sources`` list is probed.
    """
    allow_many_sockets()
    if not settings.remediators:
        await run_together(prober, [], sources)
        return
    vantage = Vantage(settings.name, settings.region, settings.rack, address)
    token = await obtain_token(settings, vantage, clock)
    async with open_session(token) as session:
        reporters = [build_reporter(url, session, vantage, prober, clock) for url in settings.remediators]
        await run_together(prober, reporters, sources)


def build_reporter(
    url: str, session: aiohttp.ClientSession, vantage: Vantage, prober: Prober, clock: Clock
) -> Reporter:
    def body(since: float) -> bytes:
        news = [one for one in prober.watch.fresh_results() if one.at > since]
        return build_report(vantage, prober.health, news, clock.monotonic())

    return Reporter(url, session, body, clock)


async def run_together(prober: Prober, reporters: Sequence[Reporter], sources: Sequence[Source]) -> None:
    known: list[Assignment] = []

    def wake_all() -> None:
        for reporter in reporters:
            reporter.wake()

    def take_assignments() -> None:
        told = [one.assignment for one in reporters if one.assignment is not None]
        # Whoever says the same again says it with the same object.
        if len(told) != len(known) or any(one is not other for one, other in zip(told, known, strict=True)):
            known[:] = told
            prober.assign(merge_assignments(told))

    def take_checks() -> None:
        prober.check(merge_checks(source.kept.list for source in sources))

    async with asyncio.TaskGroup() as tasks:
        for reporter in reporters:
            tasks.create_task(reporter.run(take_assignments))
        for source in sources:
            tasks.create_task(source.run(take_checks))
        tasks.create_task(prober.run(wake_all))


async def obtain_token(settings: ProbeSettings, vantage: Vantage, clock: Clock) -> str:
    token = load_token(settings.token_file)
    if token:
        return token
    if not settings.join_token:
        raise BadStart(f"{settings.token_file} holds no token yet: --join-token is needed once")
    join_token, offered = read_join_token(settings.join_token), offered_token(settings.token_file)
    token = await enrol(settings.remediators, join_token, vantage, clock, offered)
    keep_token(settings.token_file, token)
    offered_path(settings.token_file).unlink(missing_ok=True)
    return token


def allow_many_sockets() -> None:
    """As many open sockets as we may have: each target needs one while it is asked."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
