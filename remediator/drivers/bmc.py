"""BMCs: who a chassis is, whether it has power, and the buttons; each conversation is one authenticated session."""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from remediator.model.errors import PermanentError, TransientError
from remediator.settings import BmcEndpoint


class Button(StrEnum):
    """What can be pressed: power off at once, or off and on again."""

    OFF = "off"
    CYCLE = "cycle"


@dataclass(frozen=True, slots=True)
class Reading:
    """What a BMC says of its chassis: its uuid, as it writes it, and ``on``, ``off`` or ``unknown``.

    Of an orchestrator ``none``, ``pending``, ``fenced`` or ``unknown``, and which life its proof names, or 0.
    """

    uuid: str
    state: str
    epoch: int = 0


class BmcSession(Protocol):
    """One session with one BMC.

    Both raise ``TransientError`` (no answer, an answer that cannot be read) or ``PermanentError`` (refused).
    """

    async def read(self) -> Reading: ...

    async def press(self, button: Button) -> None: ...


Dial = Callable[[BmcEndpoint], AbstractAsyncContextManager[BmcSession]]


def same_chassis(told: str, uuid: str) -> bool:
    """Whether a BMC's uuid is the one that the host's firmware tells its kernel.

    SMBIOS turns the bytes of the first three fields around, and IPMI those of all of it; which of them a BMC does
    is its maker's choice. No two chassis differ by that alone. What cannot be read is nobody's.
    """
    try:
        mine, theirs = UUID(uuid), UUID(told)
    except ValueError:
        # A chassis of ours, as in the lab, may have any name for a uuid.
        return bool(uuid) and told == uuid
    return mine.bytes in (theirs.bytes, theirs.bytes_le, theirs.bytes[::-1], UUID(bytes=theirs.bytes[::-1]).bytes_le)


class Bmcs:
    """Every BMC of the inventory by its host's name, spoken to as its kind wants it."""

    def __init__(self, places: Mapping[str, BmcEndpoint], dials: Mapping[str, Dial]) -> None:
        self._places = places
        self._dials = dials

    def knows(self, host: str) -> bool:
        return host in self._places

    def session(self, host: str) -> AbstractAsyncContextManager[BmcSession]:
        """A session with that host's BMC; PermanentError when it has none."""
        place = self._places.get(host)
        if place is None:
            raise PermanentError(f"{host} has no BMC in hosts.yml")
        return self._dials[place.kind](place)

    async def read(self, host: str) -> Reading:
        """One reading in a session of its own; what cannot be had is unknown."""
        try:
            async with self.session(host) as session:
                return await session.read()
        except (TransientError, PermanentError):
            return Reading("", "unknown")
