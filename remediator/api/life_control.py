"""What the HTTP surface may ask of machines that are there; part of the control."""

from collections.abc import Coroutine
from typing import Any, Protocol

from remediator.model.asks import LeaseAsk, MetadataAsk, UpdateAsk, VerbAsk
from remediator.model.machine import Machine
from remediator.model.machine_lease import MachineLease


class MachineLife(Protocol):
    """As the control: ``Refused`` means that nothing was changed.

    ``ask`` is for exec and ps, within ``seconds``. ``lease`` is one in force. ``versions`` are those before the
    present one, newest first, as ``{"version", "config"}``. ``news`` ends when anything was written down since that
    call. ``answered`` says that whoever asked for a machine was told of it.
    """

    async def run(self, ask: VerbAsk) -> Machine: ...

    async def ask(self, ask: VerbAsk, seconds: float) -> dict[str, Any]: ...

    async def update(self, ask: UpdateAsk) -> tuple[Machine, MachineLease | None]: ...

    async def answered(self, machine_id: str) -> None: ...

    async def set_metadata(self, ask: MetadataAsk) -> Machine: ...

    async def cordon(self, machine_id: str, nonce: str, *, cordoned: bool) -> Machine: ...

    async def undestroy(self, machine_id: str, who: str) -> Machine: ...

    def lease(self, machine_id: str) -> MachineLease | None: ...

    async def take_lease(self, ask: LeaseAsk) -> MachineLease: ...

    async def release_lease(self, machine_id: str, nonce: str) -> None: ...

    async def versions(self, machine_id: str, limit: int) -> list[dict[str, Any]]: ...

    def news(self) -> Coroutine[Any, Any, object]: ...
