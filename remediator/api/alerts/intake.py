"""Alerts posted to us: by evaluators that take us for an Alertmanager, by Alertmanager, by Grafana. They only ask."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from aiohttp import web

from remediator.api.alerts.bodies import Posted, flaws, posted_alerts, posted_webhook, to_word
from remediator.api.answers import answer, problem
from remediator.api.requests import Endpoint
from remediator.api.tenants.auth import bearer, unauthorised
from remediator.api.tenants.scopes import Scope
from remediator.model.received import AlertWord, Sender, Taken
from remediator.sources.fingerprint import fingerprint

log = logging.getLogger("fleetmend.intake")
LARGEST_POST = 8 * 1024 * 1024
# So many alerts are read before others have their turn on the event loop.
AT_ONCE = 100
MOST_TOLD = 50
FIRST = 3


class Receiving(Protocol):
    """Where alerts go, and who may post them; ``take`` returns when they are durable.

    It raises ``TransientError`` and ``Refused`` (503) where nothing may be relied on.
    """

    @property
    def open(self) -> bool: ...

    def sender_for(self, token: str) -> Sender | None: ...

    async def take(self, words: Sequence[AlertWord], sender: Sender) -> Taken: ...

    def left_out(self, alerts: int) -> None: ...


class IntakeApi:
    """`POST /api/v2/alerts` as Alertmanager has it; `POST /api/v2/webhook` for what it and Grafana send."""

    def __init__(self, receiving: Receiving) -> None:
        self._receiving = receiving

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint("POST", "/api/v2/alerts", self.alerts, "alerts.post", scope=Scope.ANYONE),
            Endpoint("POST", "/api/v2/webhook", self.webhook, "alerts.webhook", scope=Scope.ANYONE),
        ]

    async def alerts(self, request: web.Request) -> web.Response:
        return await self._taken(request, posted_alerts)

    async def webhook(self, request: web.Request) -> web.Response:
        return await self._taken(request, posted_webhook)

    async def _taken(self, request: web.Request, read: Callable[[bytes], Posted]) -> web.Response:
        if not self._receiving.open:
            return problem(403, "intake is closed: name a token_file under 'intake' in fleetmend.yml", "forbidden")
        sender = self._receiving.sender_for(bearer(request))
        if sender is None:
            return unauthorised("this needs a token of 'intake' in fleetmend.yml as 'Authorization: Bearer …'")
        posted = read(await _body(request))
        words, problems = await self._words(posted)
        taken = await self._receiving.take(words, sender) if words else Taken()
        if posted.truncated > 0:
            log.warning("%s left %d alerts out of a webhook: raise max_alerts there", sender.name, posted.truncated)
            self._receiving.left_out(posted.truncated)
        return _told(taken, problems, posted.truncated)

    async def _words(self, posted: Posted) -> tuple[list[AlertWord], list[str]]:
        """What is fit to be taken, and what is wrong with the rest."""
        words: list[AlertWord] = []
        problems = list(posted.problems)
        for number, (place, alert) in enumerate(posted.alerts, 1):
            if found := flaws(place, alert):
                problems += found
            else:
                words.append(to_word(alert, posted.teller, fingerprint(alert.labels)))
            if number % AT_ONCE == 0:
                await asyncio.sleep(0)
        return words, problems


async def _body(request: web.Request) -> bytes:
    """The body, unpacked, up to its limit; the application's own limit is meant for smaller things."""
    read = bytearray()
    async for piece in request.content.iter_any():
        read += piece
        if len(read) > LARGEST_POST:
            raise web.HTTPRequestEntityTooLarge(LARGEST_POST, len(read))
    return bytes(read)


def _told(taken: Taken, problems: list[str], truncated: int) -> web.Response:
    """What became of it; good alerts are taken even where others were wrong, as Alertmanager does."""
    warnings = [f"{name}: this token may not ask for {playbook}: shown only" for name, playbook in taken.silenced]
    if truncated > 0:
        warnings.append(f"{truncated} alerts were left out by their sender")
    told = {
        "status": "success",
        "accepted": taken.heard,
        "new": taken.fresh,
        "resolved": taken.resolved,
        "warnings": warnings[:MOST_TOLD],
    }
    if not problems:
        return answer(told)
    text = f"invalid request: {'; '.join(problems[:FIRST])}"
    if len(problems) > FIRST:
        text += f"; {len(problems) - FIRST} more"
    return answer({**told, "status": "invalid", "error": text, "problems": problems[:MOST_TOLD]}, 400)
