"""One long-lived conversation with one remediator: dial, prove, hello, welcome, then reports and commands."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import quote

import aiohttp
from nacl.public import PrivateKey, PublicKey

from remediator.agent.bell import Bell, heard
from remediator.agent.commands import Commands
from remediator.agent.contact import Contact
from remediator.agent.standing import Rank, rank_of, succeeded
from remediator.agent.telling import Message, Telling, Told
from remediator.model.errors import FleetmendError, PermanentError, TransientError
from remediator.wire.channel import Channel
from remediator.wire.handshake import REFUSED, Greeting, fresh_nonce, greeting_text, parse_greeting, session_of
from remediator.wire.messages import FOLLOWS, Welcome, parse_welcome

# Changes within this time go into one report.
GATHER_SECONDS = 0.02
REPORT_SECONDS = 1.0 - GATHER_SECONDS
FIRST_RETRY_SECONDS, LONGEST_RETRY_SECONDS = 0.2, 0.6
# Together with the longest pause this keeps tries less than two seconds apart.
DIAL_SECONDS = 1.2
ANSWER_SECONDS = 5.0
# A remediator that answers no ping for one and a half of these is gone, whatever TCP believes.
PING_SECONDS = 2.0


# With each welcome: for how many seconds no remediator had been heard, None when none was in this life of the host.
Welcomed = Callable[[Welcome, float | None], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Line:
    """What a session needs to reach and trust its remediator."""

    url: str
    name: str
    private: PrivateKey
    remediator: PublicKey
    # Of several remediators that each lead some regions, who leads this one's speaks to it.
    region: str = ""


class Session:
    """Runs until it is cancelled.

    Args:
        welcomed: called with each welcome, before anything is reported; it does what the welcome asks.
    """

    def __init__(
        self, line: Line, telling: Telling, commands: Commands, bell: Bell, contact: Contact, log: logging.Logger,
        welcomed: Welcomed,
    ) -> None:  # fmt: skip
        self._contact = contact
        self._acknowledged = False
        # Whose session this is, and the highest that it knows us to have heard.
        self._rank: Rank = ("", 0, "")
        self._told_of: Rank = ("", 0, "")
        self._line = line
        self._telling = telling
        self._commands = commands
        self._bell = bell
        self._clock = contact.clock
        self._log = log
        self._welcomed = welcomed
        self._said = ""
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Dial, talk, dial again."""
        pause = FIRST_RETRY_SECONDS
        async with aiohttp.ClientSession() as http:
            while True:
                try:
                    await self._talk(http)
                    self._say(f"the remediator at {self._line.url} has hung up")
                    pause = FIRST_RETRY_SECONDS
                except (aiohttp.ClientError, OSError, TimeoutError, FleetmendError) as error:
                    self._say(f"no session with {self._line.url}: {str(error) or 'no answer in time'}")
                await self._clock.sleep(pause)
                pause = min(pause * 1.5, LONGEST_RETRY_SECONDS)

    async def _talk(self, http: aiohttp.ClientSession) -> None:
        socket = await self._dial(http)
        listener = self._bell.listen()
        try:
            channel = await asyncio.wait_for(self._prove(socket), ANSWER_SECONDS)
            told = Told()
            self._told_of = self._telling.standing.rank
            await socket.send_bytes(channel.seal(self._telling.hello(told)))
            answer = channel.open(await _binary(socket, ANSWER_SECONDS))
            if answer.get("type") == FOLLOWS:
                self._say(f"{self._line.url} listens; {answer.get('leader') or 'nobody yet'} leads")
                await self._stand_by(socket, channel)
                return
            welcome = parse_welcome(answer)
            self._say(f"welcomed by {self._line.url}")
            told.owed = set(welcome.condemned)
            await self._converse(socket, channel, told, listener, welcome)
        finally:
            self._bell.leave(listener)
            await socket.close()

    async def _stand_by(self, socket: aiohttp.ClientWebSocketResponse, channel: Channel) -> None:
        """To one that follows: that this host lives, once a second, until it hangs up or leads."""
        hanging_up = asyncio.create_task(socket.receive())
        try:
            while not hanging_up.done():
                await socket.send_bytes(channel.seal({"type": "alive"}))
                await asyncio.wait([hanging_up], timeout=REPORT_SECONDS)
        finally:
            hanging_up.cancel()
            await asyncio.gather(hanging_up, return_exceptions=True)

    async def _dial(self, http: aiohttp.ClientSession) -> aiohttp.ClientWebSocketResponse:
        patience = aiohttp.ClientWSTimeout(ws_receive=None, ws_close=0.2)
        place = f"{self._line.url}/internal/agent?region={quote(self._line.region)}"
        dialling = http.ws_connect(place, heartbeat=PING_SECONDS, timeout=patience, max_msg_size=0)
        async with asyncio.timeout(DIAL_SECONDS):
            return await dialling

    async def _prove(self, socket: aiohttp.ClientWebSocketResponse) -> Channel:
        mine = Greeting(self._line.private.public_key, fresh_nonce(), self._line.name)
        await socket.send_str(greeting_text(mine))
        frame = await socket.receive()
        if frame.type is not aiohttp.WSMsgType.TEXT:
            raise _refusal(socket, frame)
        theirs = parse_greeting(frame.data)
        if theirs.key != self._line.remediator:
            raise PermanentError("it is not the remediator this agent enrolled with: its key differs")
        return Channel(self._line.private, theirs.key, session_of(mine.nonce, theirs.nonce), "a")

    async def _converse(
        self, socket: aiohttp.ClientWebSocketResponse, channel: Channel, told: Told, listener: asyncio.Event,
        welcome: Welcome,
    ) -> None:  # fmt: skip
        self._keep(asyncio.create_task(self._obey(welcome, self._contact.away())))
        self._rank = rank_of(welcome)
        self._met()
        # A remediator of before acknowledges no report: then an open line is all the contact there is.
        self._acknowledged = bool(welcome.began)
        parts = {
            asyncio.create_task(self._report(socket, channel, told, listener)),
            asyncio.create_task(self._hear(socket, channel, self._rank)),
        }
        try:
            done, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for part in parts:
                part.cancel()
            await asyncio.gather(*parts, return_exceptions=True)
        for part in done:
            part.result()

    async def _report(
        self, socket: aiohttp.ClientWebSocketResponse, channel: Channel, told: Told, listener: asyncio.Event
    ) -> None:
        while True:
            self._tell_the_succeeded()
            await socket.send_bytes(channel.seal(self._telling.report(told)))
            if not self._acknowledged:
                self._met()
            await heard(listener, REPORT_SECONDS)
            await self._clock.sleep(GATHER_SECONDS)

    async def _hear(self, socket: aiohttp.ClientWebSocketResponse, channel: Channel, rank: Rank) -> None:
        async for frame in socket:
            if frame.type is not aiohttp.WSMsgType.BINARY:
                raise PermanentError("the remediator sent something that is no boxed frame")
            message = channel.open(frame.data)
            self._met()
            if message.get("type") == "lease":
                self._keep(asyncio.create_task(self._ask_others(message.get("lease") or {})))
            if message.get("type") == "command":
                self._keep(asyncio.create_task(self._answer(socket, channel, message, rank)))

    def _met(self) -> None:
        """It was heard; one who has been succeeded is no remediator, and keeps no lease running."""
        if not succeeded(self._rank, self._telling.standing.rank):
            self._contact.made()

    def _tell_the_succeeded(self) -> None:
        """Who does not know that another was heard learns it from the next hello, and stops acting on others too."""
        heard_since = self._telling.standing.rank
        if succeeded(self._rank, heard_since) and not succeeded(self._rank, self._told_of):
            raise TransientError("another remediator leads: this one is greeted anew, so that it knows")

    async def _answer(
        self, socket: aiohttp.ClientWebSocketResponse, channel: Channel, message: Message, rank: Rank
    ) -> None:
        incarnation, _, began = rank
        result = await self._commands.carry_out(message, incarnation, began)
        # A result that finds the line lost is kept: the command comes again and gets it.
        if not socket.closed:
            try:
                await socket.send_bytes(channel.seal(result))
            except (aiohttp.ClientError, OSError):
                return

    async def _ask_others(self, terms: Message) -> None:
        try:
            await self._telling.peering.take(terms)
        except FleetmendError as error:
            self._log.warning("%s", error)

    async def _obey(self, welcome: Welcome, away: float | None) -> None:
        try:
            await self._welcomed(welcome, away)
        except FleetmendError as error:
            self._log.warning("%s", error)

    def _keep(self, task: asyncio.Task[None]) -> None:
        # What was asked for is finished, also when the line is lost meanwhile.
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _say(self, text: str) -> None:
        # Once per change, not once per try.
        if text != self._said:
            self._said = text
            self._log.info("%s", text)


async def _binary(socket: aiohttp.ClientWebSocketResponse, within: float) -> bytes:
    async with asyncio.timeout(within):
        frame = await socket.receive()
    if frame.type is not aiohttp.WSMsgType.BINARY:
        raise _refusal(socket, frame)
    return bytes(frame.data)


def _refusal(socket: aiohttp.ClientWebSocketResponse, frame: aiohttp.WSMessage) -> FleetmendError:
    if socket.close_code == REFUSED:
        return PermanentError(f"it refuses this agent: {frame.extra or 'no reason given'}")
    return TransientError("it hung up before the session began")
