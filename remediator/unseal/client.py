"""Asking the unsealing process, which is started and kept by the remediator."""

import asyncio
import itertools
import sys
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec

from remediator.model.errors import PermanentError, TransientError
from remediator.model.machine import Sealed
from remediator.unseal.rows import JournalPlace

ANSWER_SECONDS = 10.0
# The key before this one, beside it: copies that were closed for it still open.
PREVIOUS = "unseal.previous.key"
# A sealed config travels on one line.
_LINE_BYTES = 32 << 20


class Unsealer:
    """One process; requests are answered in order. A process that died is started again by the next request."""

    def __init__(self, key_file: Path, journal: JournalPlace) -> None:
        self.public_key = ""
        self.previous: tuple[str, ...] = ()
        before = ["--previous", str(key_file.with_name(PREVIOUS))]
        self._words = ["-m", "remediator.unseal", "--key", str(key_file), *before, *journal.words]
        self._numbers = itertools.count(1)
        self._turn = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None

    @classmethod
    async def start(cls, key_file: Path, journal: JournalPlace) -> "Unsealer":
        """A running unsealer; its ``public_key`` is what agents seal to.

        Raises:
            PermanentError: it cannot use its key file.
        """
        unsealer = cls(key_file, journal)
        await unsealer._begin()
        return unsealer

    async def unseal(self, envelope: Sealed, verify_key: str, target_key: str, operation: str) -> tuple[str, str]:
        """The envelope's config closed for the target agent, and its digest.

        Raises:
            PermanentError: refused; the text says why.
            TransientError: the process or the journal is not available now.
        """
        request = {
            "id": str(next(self._numbers)), "envelope": asdict(envelope), "verify_key": verify_key,
            "target_key": target_key, "operation": operation,
        }  # fmt: skip
        async with self._turn:
            answer = await self._ask(request)
        if answer.get("ok"):
            return str(answer["sealed_config"]), str(answer["digest"])
        text = str(answer.get("text") or "no reason given")
        raise PermanentError(text) if answer.get("error") == "permanent" else TransientError(text)

    async def opens(self, box: str) -> str:
        """What a probe holds that was closed for our key.

        Raises:
            PermanentError: it does not open, or is no probe.
            TransientError: the process is not available now.
        """
        async with self._turn:
            answer = await self._ask({"id": str(next(self._numbers)), "probe": box})
        if answer.get("ok"):
            return str(answer["probe"])
        raise PermanentError(str(answer.get("text") or "no reason given"))

    async def renew(self) -> None:
        """Start it anew, with the keys that lie there now.

        Raises:
            PermanentError: it cannot use them.
        """
        async with self._turn:
            await self.close()
            await self._begin()

    async def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is None or process.stdin is None:
            return
        process.stdin.close()
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), 2)
        if process.returncode is None:
            process.kill()
            await process.wait()

    async def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        process = self._process
        if process is None or process.returncode is not None:
            process = await self._begin()
        try:
            _write(process, msgspec.json.encode(request))
            answer = await _read(process)
        except TransientError:
            # An answer that comes late would be taken for the next one's.
            await self.close()
            raise
        if answer.get("id") != request["id"]:
            await self.close()
            raise TransientError("the unsealer answered something else")
        return answer

    async def _begin(self) -> asyncio.subprocess.Process:
        pipe = asyncio.subprocess.PIPE
        self._process = process = await asyncio.create_subprocess_exec(
            sys.executable, *self._words, stdin=pipe, stdout=pipe, limit=_LINE_BYTES
        )
        try:
            told = await _read(process)
            self.public_key, self.previous = str(told["unseal_key"]), tuple(told["previous"])
        except TransientError as error:
            await self.close()
            raise PermanentError("the unsealer does not start: see its message above") from error
        return process


def _write(process: asyncio.subprocess.Process, line: bytes) -> None:
    if process.stdin is None or process.stdin.is_closing():
        raise TransientError("the unsealer is gone")
    process.stdin.write(line + b"\n")


async def _read(process: asyncio.subprocess.Process) -> dict[str, Any]:
    if process.stdout is None:
        raise TransientError("the unsealer is gone")
    try:
        line = await asyncio.wait_for(process.stdout.readline(), ANSWER_SECONDS)
        return msgspec.json.decode(line, type=dict[str, Any])
    except (TimeoutError, msgspec.MsgspecError, ValueError) as error:
        raise TransientError("the unsealer does not answer") from error
