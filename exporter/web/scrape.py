"""/metrics: which collectors a scrape wants, how many scrapes there may be at once, and the page."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from aiohttp import web
from aiohttp.hdrs import ACCEPT, ACCEPT_ENCODING
from prometheus_client.metrics_core import Metric

from exporter.page import parse_deadline, render_page
from exporter.web.answers import EVERY, plain
from exporter.workers import Workers

TIMEOUT_HEADER = "X-Prometheus-Scrape-Timeout-Seconds"
STATE_FAMILY = "fleetmend_scrape_collector_state"
# Whatever a client says: collectors get a chance, and nobody waits for a stuck one for ever.
LEAST_SECONDS, MOST_SECONDS = 0.1, 120.0
MOST_STATES = 8  # ways of asking for some collectors

# Families of a page, no later than so many seconds from now; of these collectors, or of the default ones.
Collect = Callable[[float, frozenset[str] | None], Awaitable[Sequence[Metric]]]


class BadQuery(Exception):
    """Collectors asked for in a way that cannot be; its text is one line for people."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where pages come from; ``names`` can be asked for, ``defaults`` are what a page has if none is."""

    collect: Collect
    names: frozenset[str]
    defaults: frozenset[str]


def parse_wanted(collect: frozenset[str], exclude: frozenset[str], source: Source) -> frozenset[str] | None:
    """The names that ``collect[]`` or ``exclude[]`` leave; None where neither is given. Raises BadQuery."""
    if collect and exclude:
        raise BadQuery("Combined collect and exclude queries are not allowed.")
    for name in sorted((collect | exclude) - source.names):
        near = get_close_matches(name, source.names, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(sorted(source.names))}"
        raise BadQuery(f"Couldn't create filtered metrics handler: missing collector: {name!r} ({hint})")
    if exclude:
        return source.defaults - exclude
    return collect or None


class Scrapes:
    """Answers /metrics; at most ``most`` at once, or any number if that is 0."""

    def __init__(self, source: Source, most: int, workers: Workers) -> None:
        self._source = source
        self._most = most
        self._workers = workers
        self._open = 0
        self._states: dict[frozenset[str] | None, Metric] = {}

    async def answer(self, request: web.BaseRequest) -> web.Response:
        collect, exclude = (frozenset(request.query.getall(key, ())) for key in ("collect[]", "exclude[]"))
        try:
            wanted = parse_wanted(collect, exclude, self._source)
        except BadQuery as error:
            return plain(400, str(error))
        if self._most and self._open >= self._most:
            return plain(503, f"Limit of concurrent requests reached ({self._most}), try again later.")
        self._open += 1
        try:
            return await self._scrape(request, wanted)
        finally:
            self._open -= 1

    async def _scrape(self, request: web.BaseRequest, wanted: frozenset[str] | None) -> web.Response:
        headers = request.headers
        asked = parse_deadline(headers.get(TIMEOUT_HEADER, ""))
        families = await self._source.collect(max(LEAST_SECONDS, min(asked, MOST_SECONDS)), wanted)
        self._remember_states(families, wanted)
        accept = ",".join(headers.getall(ACCEPT, ()))
        page = await render_page(families, accept, headers.get(ACCEPT_ENCODING, ""), self._workers)
        return web.Response(body=page.body, headers={**page.headers, **EVERY})

    def _remember_states(self, families: Sequence[Metric], wanted: frozenset[str] | None) -> None:
        """Keep the family alone, the newest last: it is looked into only if somebody opens the landing page."""
        state = next((family for family in families if family.name == STATE_FAMILY), None)
        if state is None:
            return
        self._states.pop(wanted, None)
        if len(self._states) >= MOST_STATES:
            del self._states[next(iter(self._states))]
        self._states[wanted] = state

    @property
    def last_states(self) -> dict[str, str]:
        """How each collector's part of the last scrape that had it ended."""
        samples = [sample for family in self._states.values() for sample in family.samples if sample.value]
        return {sample.labels["collector"]: sample.labels["state"] for sample in samples}
