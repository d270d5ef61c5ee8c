"""Effects out: the contract of every orchestrator, and a fake that keeps it."""

from collections.abc import Callable
from typing import Any, Protocol

from remediator.model.errors import TransientError
from remediator.model.request import Operation


class Driver(Protocol):
    """Carries out operations.

    Implementers owe: the same key twice is one effect; the answer is the verb's value; ``TransientError`` when the
    same operation may succeed later (nobody connected, time-out), ``PermanentError`` when it cannot.
    """

    async def perform(self, operation: Operation) -> dict[str, Any]: ...


class Switch:
    """Sends each verb to the driver that knows it."""

    def __init__(self, verbs: dict[str, Driver], otherwise: Driver) -> None:
        self._verbs = verbs
        self._otherwise = otherwise

    async def perform(self, operation: Operation) -> dict[str, Any]:
        return await self._verbs.get(operation.verb, self._otherwise).perform(operation)


class FakeDriver:
    """Remembers what it performed by key; ``answer`` makes the value or raises."""

    def __init__(self, answer: Callable[[Operation], dict[str, Any]] | None = None) -> None:
        self._answer = answer
        self.performed: dict[str, dict[str, Any]] = {}
        self.calls: list[Operation] = []
        self.away: set[str] = set()

    async def perform(self, operation: Operation) -> dict[str, Any]:
        self.calls.append(operation)
        if operation.host in self.away:
            raise TransientError(f"{operation.host} is not connected")
        if operation.key not in self.performed:
            self.performed[operation.key] = self._answer(operation) if self._answer else {}
        return self.performed[operation.key]
