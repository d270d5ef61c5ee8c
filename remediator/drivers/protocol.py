"""Effects out: the contract of every orchestrator, and a fake that keeps it."""

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

from remediator.model.errors import PermanentError, TransientError
from remediator.model.request import Operation


class Driver(Protocol):
    """Carries out operations.

    Implementers owe: the same key twice is one effect; the answer is the verb's value; ``TransientError`` when the
    same operation may succeed later (nobody connected, time-out), ``PermanentError`` when it cannot.
    """

    async def perform(self, operation: Operation) -> dict[str, Any]: ...


@runtime_checkable
class Observer(Protocol):
    """A driver whose other side may not know keys, and can be asked what it has had.

    True: it has had the operation; False: it has not; None: it cannot say, and the call is repeated.
    ``TransientError`` when it does not answer: nothing is repeated before it does.
    """

    async def observed(self, operation: Operation) -> bool | None: ...


class Switch:
    """Sends each verb to the driver that knows it."""

    def __init__(self, verbs: dict[str, Driver], otherwise: Driver) -> None:
        self._verbs = verbs
        self._otherwise = otherwise

    async def perform(self, operation: Operation) -> dict[str, Any]:
        return await self._verbs.get(operation.verb, self._otherwise).perform(operation)

    async def observed(self, operation: Operation) -> bool | None:
        driver = self._verbs.get(operation.verb, self._otherwise)
        return await driver.observed(operation) if isinstance(driver, Observer) else None


class NoFencing:
    """Stands where no orchestrator is set that could cut a host off, nor could hold it so."""

    async def perform(self, operation: Operation) -> dict[str, Any]:
        if operation.verb == "unfence_host":
            return {}
        raise PermanentError(f"no orchestrator is set that could fence {operation.args['host']}")


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
