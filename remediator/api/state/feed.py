"""`GET /internal/state`: the fleet in numbers, for the orchestrator exporter; what changed, in pages."""

import asyncio
import gc
import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import islice
from typing import Any

import msgspec

from remediator.api.control import Control
from remediator.api.requests import RequestCounter
from remediator.api.state.docs import placement_doc, undead_doc
from remediator.api.state.log import MOST_GONE, ChangeLog, Key
from remediator.api.state.mirror import KINDS, ROWS_OF, Mirror

PAGE = 2_000
# Between two pieces the event loop takes its turn: some milliseconds each.
ROWS_AT_ONCE = 500
HOSTS_AT_ONCE = 50
SERVICE: Key = ("service", "")


class StateFeed:
    """Every record has the number of its last change, so that any reader goes on from where it stopped.

    A reader is told what to call itself next time (``incarnation``: this process, and the number at which its reading
    began). Another name than the one it gave means that all it knows is void. Numbers begin at the start's
    microseconds: readers of the older, whole answers know them alone, and they must not repeat after a restart.
    """

    def __init__(
        self,
        control: Control,
        requests: RequestCounter,
        deploys: Mapping[str, datetime],
        page: int = PAGE,
        most_gone: int = MOST_GONE,
    ) -> None:
        self._control = control
        self._requests = requests
        self._deploys = dict(deploys) or {requests.version: control.now()}
        self._life = secrets.token_hex(8)
        self._mirror = Mirror()
        self._page_size = page
        self._log = ChangeLog(int(control.now().timestamp() * 1_000_000), most_gone)
        self._looked = -1
        self._seen: object = None
        self._lock = asyncio.Lock()

    async def delta(self, incarnation: str, since: int) -> dict[str, Any]:
        """What changed after ``since``: at most a page of records, ``more`` if others can be had at once."""
        async with self._lock:
            if self._begun(incarnation, since) is None or not self._log.holds_more(since, self._page_size):
                await self._catch_up()
            return self._page(incarnation, since)

    async def whole(self, known: int) -> bytes:
        """As JSON: all of it, or ``unchanged`` when ``known`` is the newest; for readers that know no pages."""
        async with self._lock:
            await self._catch_up()
            newest = self._log.newest
            if known == newest:
                return msgspec.json.encode({"sequence": newest, "unchanged": True})
            head = msgspec.json.encode({"sequence": newest, "unchanged": False, **self._service()})
            parts = [head.removesuffix(b"}")]
            for kind in ROWS_OF:
                records = await self._encoded(kind)
                parts += [f',"{kind}":['.encode(), *records, b"]"]
            # Encoded and joined in pieces: at a hundred thousand machines it is a matter of 20 MB.
            return b"".join([*parts, b"}"])

    async def _catch_up(self) -> None:
        """Take over what changed since the last look."""
        changes = self._control.changed(self._looked, KINDS)
        for kind, rows in changes.rows.items():
            if changes.whole:
                await self._drop_others(kind, rows)
            await self._take(kind, rows)
        self._looked = changes.number
        if changes.whole:
            # Here to stay: looking through so much for garbage, again and again, would stop the event loop.
            gc.freeze()
        await self._recount()
        if (mark := self._mark()) != self._seen:
            self._seen = mark
            self._log.add(SERVICE)
        await self._log.tidy()

    async def _drop_others(self, kind: str, rows: Mapping[str, Any]) -> None:
        held = iter(self._mirror.names(kind))
        while chunk := list(islice(held, ROWS_AT_ONCE)):
            for name in chunk:
                if name not in rows:
                    self._tell(self._mirror.put(kind, name, None))
            await asyncio.sleep(0)

    async def _take(self, kind: str, rows: Mapping[str, Any]) -> None:
        waiting = iter(rows.items())
        while chunk := list(islice(waiting, ROWS_AT_ONCE)):
            for name, row in chunk:
                self._tell(self._mirror.put(kind, name, row))
            await asyncio.sleep(0)

    async def _recount(self) -> None:
        unsure = self._mirror.unsure
        while unsure:
            names = [unsure.pop() for _ in range(min(HOSTS_AT_ONCE, len(unsure)))]
            self._tell(("hosts", name) for name in names if self._mirror.recount(name))
            await asyncio.sleep(0)

    def _tell(self, keys: Iterable[Key]) -> None:
        for key in keys:
            self._log.add(key, gone=not self._mirror.shows(key))

    def _page(self, incarnation: str, since: int) -> dict[str, Any]:
        begun = self._begun(incarnation, since)
        if begun is None:
            begun, since = self._log.newest, 0
        size = self._page_size
        found = list(islice(self._log.after(since), size + 1))
        records: dict[str, Any] = {}
        gone: dict[str, list[str]] = {}
        for number, key in found[:size]:
            if key == SERVICE:
                records.update(self._service())
            elif not self._log.is_gone(key):
                records.setdefault(key[0], []).append(self._mirror.doc(key))
            elif number > begun:
                gone.setdefault(key[0], []).append(key[1])
        more = len(found) > size
        return {
            "sequence": found[size - 1][0] if more else self._log.newest,
            "incarnation": f"{self._life}.{begun}",
            "unchanged": not found,
            "more": more,
            **records,
            "gone": gone,
        }

    def _begun(self, incarnation: str, since: int) -> int | None:
        """The number at which the reader began; None if it must begin anew."""
        life, _, number = incarnation.partition(".")
        if life != self._life or not number.isdecimal():
            return None
        begun = int(number)
        known = self._log.floor <= max(begun, since) and max(begun, since) <= self._log.newest
        return begun if known else None

    async def _encoded(self, kind: str) -> list[bytes]:
        """What stands between the brackets of a JSON list of all records of a kind."""
        names = self._mirror.names(ROWS_OF[kind])
        waiting = iter(sorted(names) if kind == "hosts" else names)
        pieces: list[bytes] = []
        while chunk := list(islice(waiting, ROWS_AT_ONCE)):
            shown = [(kind, name) for name in chunk if self._mirror.shows((kind, name))]
            if shown:
                encoded = msgspec.json.encode([self._mirror.doc(key) for key in shown])
                pieces += [b"," if pieces else b"", encoded[1:-1]]
            await asyncio.sleep(0)
        return pieces

    def _mark(self) -> object:
        placed = self._control.placements()
        parts = (dict(placed.requests), dict(placed.failures), dict(placed.unmet))
        return self._requests.total, dict(self._control.undead()), parts

    def _service(self) -> dict[str, Any]:
        """What is no record of the fleet, and short: it is always told whole."""
        hosts = self._mirror.hosts
        return {
            "placement": placement_doc(self._control.placements()),
            "api": self._requests.rows(),
            "undead": [
                undead_doc(name, hosts.get(name), seen) for name, seen in sorted(self._control.undead().items())
            ],
            "deploys": [{"version": version, "at": at.timestamp()} for version, at in sorted(self._deploys.items())],
        }
