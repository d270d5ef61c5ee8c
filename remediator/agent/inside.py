"""A command within a machine: fed, heard up to a bound, and ended in time."""

import asyncio
import contextlib
import os
import signal
import subprocess
from typing import IO, Any

from remediator.agent.processes import wait_for_exit
from remediator.model.errors import PermanentError

# Of each of its two outputs; what comes after is read and dropped, so that the command does not hang.
OUTPUT_BYTES = 256 * 1024
_CHUNK = 64 * 1024
# What a command wrote last is read after its end; what it left behind may hold its outputs open for long.
_LAST_WORDS_SECONDS = 0.2


async def run_inside(process: "subprocess.Popen[bytes]", stdin: bytes, seconds: float) -> dict[str, Any]:
    """``{"exit_code", "exit_signal", "stdout", "stderr"}`` of a process that was begun with pipes.

    Raises:
        PermanentError: it did not end in time; it is killed, and whatever is in its process group.
    """
    heard = bytearray(), bytearray()
    talk = [asyncio.create_task(_feed(process.stdin, stdin))]
    talk += [asyncio.create_task(_hear(pipe, into)) for pipe, into in zip(_outputs(process), heard, strict=True)]
    try:
        async with asyncio.timeout(seconds):
            await wait_for_exit(process.pid)
        await asyncio.wait(talk, timeout=_LAST_WORDS_SECONDS)
    except TimeoutError:
        raise PermanentError(f"the command did not end within {seconds:g} s and was killed") from None
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
        for task in talk:
            task.cancel()
        await asyncio.gather(*talk, return_exceptions=True)
        await asyncio.to_thread(process.wait)
    code = process.returncode
    stdout, stderr = (bytes(each).decode(errors="replace") for each in heard)
    told = {"exit_code": code if code >= 0 else 128 - code, "stdout": stdout, "stderr": stderr}
    return told | ({"exit_signal": -code} if code < 0 else {})


def _outputs(process: "subprocess.Popen[bytes]") -> tuple[IO[bytes] | None, IO[bytes] | None]:
    return process.stdout, process.stderr


async def _feed(pipe: IO[bytes] | None, given: bytes) -> None:
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, pipe)
    writer = asyncio.StreamWriter(transport, protocol, None, loop)
    try:
        with contextlib.suppress(ConnectionError):
            writer.write(given)
            await writer.drain()
    finally:
        transport.close()


async def _hear(pipe: IO[bytes] | None, into: bytearray) -> None:
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
    try:
        while chunk := await reader.read(_CHUNK):
            into += chunk[: OUTPUT_BYTES - len(into)]
    finally:
        transport.close()
