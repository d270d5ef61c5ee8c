"""What the HTTP surface may ask of the runtime; the composition root injects it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from remediator.engine.whatif import Assumptions, Outlook
from remediator.model.asks import (
    Changes,
    JoinAsk,
    LaunchAsk,
    Placements,
    ProbeResult,
    ProbeTarget,
    Undead,
    VantageReport,
    VolumeAsk,
)
from remediator.model.decision import Decision
from remediator.model.fleet import Fleet
from remediator.model.machine import Machine, Snapshot, Volume
from remediator.model.policy import InForce
from remediator.model.reconciling import Gap
from remediator.model.request import Destroy, Origin
from remediator.model.said import Heard, Said

__all__ = [
    "Changes",
    "Control",
    "JoinAsk",
    "LaunchAsk",
    "Placements",
    "ProbeResult",
    "ProbeTarget",
    "Undead",
    "VantageReport",
    "VolumeAsk",
]


class Control(Protocol):
    """The runtime's face.

    The coroutines raise ``TransientError`` (503 before any side effect), ``PermanentError`` (422),
    ``engine.refusals.Refused`` (its own status, text and Retry-After) and nothing else on purpose.
    ``freeze`` and ``join`` check what they are given: a bad signature is a ``PermanentError``, a bad join token
    ``Refused`` with 403. ``vantage_for`` answers empty for a token that it does not know. ``decisions`` come
    newest first; ``holds`` are those that stand now. ``frozen`` is the words for people, empty when not frozen.
    ``changed`` tells all of those kinds for a number below 0, and whenever it cannot tell what changed.
    """

    def now(self) -> datetime: ...

    def fleet(self) -> Fleet: ...

    def sequence(self) -> int: ...

    def changed(self, since: int, kinds: Sequence[type]) -> Changes: ...

    def decisions(self, limit: int) -> list[Decision]: ...

    def decision(self, identifier: str) -> Decision | None: ...

    def holds(self) -> list[Decision]: ...

    def full_config(self, machine_id: str) -> dict[str, Any] | None: ...

    def unready(self) -> list[str]: ...

    def degraded(self) -> list[str]: ...

    def journal_head(self) -> dict[str, Any]: ...

    def gap(self) -> Gap: ...

    async def accept_gap(self, by: str, why: str, silent: int) -> Gap: ...

    def undead(self) -> Mapping[str, Undead]: ...

    def placements(self) -> Placements: ...

    def modes(self) -> Mapping[str, str]: ...

    def rules(self) -> InForce: ...

    def assumed(self) -> Assumptions: ...

    def outlook(self) -> Outlook: ...

    async def reload(self) -> InForce: ...

    def frozen(self) -> str: ...

    async def create_machine(self, ask: LaunchAsk) -> Machine: ...

    async def destroy_machine(self, machine_id: str, *, force: bool, origin: Origin, who: str) -> Destroy: ...

    async def start_machine(self, machine_id: str) -> Machine: ...

    async def stop_machine(self, machine_id: str) -> Machine: ...

    async def create_volume(self, ask: VolumeAsk) -> Volume: ...

    async def snapshot_volume(self, volume_id: str) -> Snapshot: ...

    async def hear(self, said: Said) -> Heard: ...

    async def said(self, limit: int) -> list[dict[str, Any]]: ...

    async def unsealings(self, app: str, limit: int) -> list[dict[str, Any]]: ...

    async def freeze(self, statement: dict[str, Any]) -> None: ...

    async def mint_join_token(self, name: str, kind: str) -> str: ...

    async def join(self, ask: JoinAsk) -> dict[str, str]: ...

    def vantage_for(self, token: str) -> str: ...

    def take_report(self, report: VantageReport) -> list[ProbeTarget]: ...
