"""IPMI over the network: one ``ipmitool shell`` is one session; its password stays in its file."""

import asyncio
import os
import re
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress

from remediator.drivers.bmc import BmcSession, Button, Reading
from remediator.model.errors import PermanentError, TransientError
from remediator.settings import BmcEndpoint

PORT = 623
ANSWER_SECONDS = 7.0
# Its words are the same whether nobody answers or somebody will not have us; only the second comes at once.
_AT_ONCE = 0.9
_PROMPT = b"ipmitool> "
_GUID = re.compile(r"^System GUID\s*:\s*([0-9a-fA-F-]{36})", re.MULTILINE)
_POWER = re.compile(r"^Chassis Power is (on|off)\s*$", re.MULTILINE)
_BUTTONS = {Button.OFF: ("off", "Down/Off"), Button.CYCLE: ("cycle", "Cycle")}


class IpmiSession:
    """A dialogue with one running ipmitool: a line in, what stands before the next prompt out."""

    def __init__(self, says: asyncio.StreamWriter, said: asyncio.StreamReader) -> None:
        self._says = says
        self._said = said

    async def read(self) -> Reading:
        guid = _GUID.search(await self._say("mc guid smbios"))
        power = _POWER.search(await self._say("chassis power status"))
        return Reading(guid[1].lower() if guid else "", power[1] if power else "unknown")

    async def press(self, button: Button) -> None:
        word, done = _BUTTONS[button]
        if done not in await self._say(f"chassis power {word}"):
            raise TransientError(f"its BMC did not take power {word}")

    async def begin(self) -> None:
        """Wait for the first prompt: ipmitool has started; the session itself begins with the first question."""
        await self._until_prompt()

    async def _say(self, line: str) -> str:
        try:
            self._says.write(f"{line}\n".encode())
            await self._says.drain()
        except ConnectionError as error:
            raise TransientError("ipmitool has ended") from error
        return await self._until_prompt()

    async def _until_prompt(self) -> str:
        try:
            return await self._within(_AT_ONCE, PermanentError("its BMC refuses ipmitool's login"))
        except TimeoutError:
            silent = TransientError("its BMC does not answer ipmitool")
        try:
            return await self._within(ANSWER_SECONDS, silent)
        except TimeoutError:
            raise silent from None

    async def _within(self, seconds: float, ended: Exception) -> str:
        """What is said up to the next prompt; ``ended`` is raised when ipmitool gives up in that time instead."""
        try:
            async with asyncio.timeout(seconds):
                said = await self._said.readuntil(_PROMPT)
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            raise ended from error
        return said.decode(errors="replace").replace("\r", "")


def ipmi_dial(program: str = "ipmitool") -> Callable[[BmcEndpoint], AbstractAsyncContextManager[BmcSession]]:
    """How sessions are begun with that program."""

    @asynccontextmanager
    async def dial(place: BmcEndpoint) -> AsyncIterator[BmcSession]:
        child = await _start(program, place)
        try:
            if child.stdin and child.stdout:
                session = IpmiSession(child.stdin, child.stdout)
                await session.begin()
                yield session
        finally:
            await _end(child)

    return dial


def build_command(program: str, place: BmcEndpoint) -> list[str]:
    """``lanplus`` with a second for each message and two repeats; -f names the file with the password."""
    host, _, port = place.url.removeprefix("ipmi://").partition(":")
    to = ["-H", host, "-p", port or str(PORT), "-U", place.user, "-f", str(place.password_file)]
    return [program, "-I", "lanplus", *to, "-N", "1", "-R", "2", "shell"]


async def _start(program: str, place: BmcEndpoint) -> Process:
    if place.password_file is None or not os.access(place.password_file, os.R_OK):
        # Without it ipmitool would ask the terminal.
        raise PermanentError(f"the secret in {place.password_file} cannot be read")
    environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "HOME": "/", "TERM": "dumb"}
    try:
        return await asyncio.create_subprocess_exec(
            *build_command(program, place),
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
            env=environment,
            start_new_session=True,
        )
    except OSError as error:
        raise PermanentError(f"{program} cannot be started: {error.strerror}") from error


async def _end(child: Process) -> None:
    """A child that the kernel holds is waited for no longer than a moment."""
    with suppress(ProcessLookupError):
        child.kill()
    with suppress(TimeoutError):
        async with asyncio.timeout(1.0):
            await child.communicate()
