"""Making machines, and giving them another configuration."""

import asyncio

from aiohttp import web

from remediator.api.answers import answer
from remediator.api.bodies import app_name, checked, read_object
from remediator.api.control import LaunchAsk
from remediator.api.machine_docs import MachineDoc
from remediator.api.machines.bodies import Launch, Update
from remediator.api.machines.shared import ALL, ONE, Desk, nonce_of, who
from remediator.api.machines.unanswered import Unanswered
from remediator.api.requests import Endpoint
from remediator.api.tenants.scopes import caller_of
from remediator.api.volumes.bodies import idempotency_key
from remediator.model.asks import LeaseAsk, UpdateAsk
from remediator.wire.sealing import digest


class LaunchingApi:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._unanswered = Unanswered(desk.control.now)
        self._telling: set[asyncio.Future[None]] = set()

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint("POST", ALL, self.create, "machines.create", guarded=True, body=Launch, answers=MachineDoc),
            Endpoint("POST", ONE, self.update, "machines.update", guarded=True, body=Update, answers=MachineDoc),
        ]

    async def create(self, request: web.Request) -> web.Response:
        app, key = app_name(request), idempotency_key(request)
        body = await read_object(request)
        asked = checked(Launch, body)
        ask = LaunchAsk(
            app,
            # It goes on exactly as it was sent: what we do not check, its host may still read.
            body["config"],
            asked.name or "",
            asked.region or "",
            # A standby waits, stopped, for its hour.
            start=not (asked.skip_launch or asked.config.standbys),
            cordoned=bool(asked.skip_service_registration),
            key=key,
            lease_seconds=asked.lease_ttl or 0,
            who=who(request),
        )
        if key:
            machine = await self._desk.control.create_machine(ask)
        else:
            mark = digest({"app": app, "body": body, "by": caller_of(request).key})
            machine = await self._unanswered.once(mark, request, lambda: self._desk.control.create_machine(ask))
            self._told(request, machine.id)
        doc = self._desk.doc(machine, fallback=ask.config)
        return answer(self._desk.with_nonce(doc) if ask.lease_seconds else doc)

    def _told(self, request: web.Request, machine_id: str) -> None:
        """Say, beside the answer and never before it, that whoever asked has one; nothing where nobody hears it."""
        if request.transport is not None and not request.transport.is_closing():
            told = asyncio.ensure_future(self._desk.life.answered(machine_id))
            self._telling.add(told)
            told.add_done_callback(self._was_told)

    def _was_told(self, told: "asyncio.Future[None]") -> None:
        self._telling.discard(told)
        if not told.cancelled():
            # Not written down: at our next start it counts as unanswered, and no second machine is made.
            told.exception()

    async def update(self, request: web.Request) -> web.Response:
        machine, nonce = self._desk.machine(request), nonce_of(request)
        body = await read_object(request)
        asked = checked(Update, body)
        lease = LeaseAsk(machine.id, asked.lease_ttl, who(request), nonce) if asked.lease_ttl else None
        ask = UpdateAsk(
            machine.id,
            body["config"],
            asked.region or "",
            start=not asked.skip_launch and (machine.stands_in or not asked.config.standbys),
            current_version=asked.current_version or "",
            nonce=nonce,
            lease=lease,
        )
        after, held = await self._desk.life.update(ask)
        doc = self._desk.doc(after, fallback=ask.config)
        if held:
            doc["nonce"] = held.nonce
        return answer(doc)
