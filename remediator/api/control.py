"""What the HTTP surface may ask of the runtime; the composition root injects it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from remediator.api.life_control import MachineLife
from remediator.engine.whatif import Assumptions, Outlook
from remediator.model.app import App, AppAsk
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
    VolumeKept,
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
    "VolumeKept",
]


class Control(Protocol):
    """The runtime's face.

    The coroutines raise ``TransientError`` (503 before any side effect), ``PermanentError`` (422),
    ``engine.refusals.Refused`` (its own status, text and Retry-After) and nothing else on purpose.
    ``freeze`` and ``join`` check what they are given: a bad signature is a ``PermanentError``, a bad join token
    ``Refused`` with 403. ``vantage_for`` answers empty for a token that it does not know. ``decisions`` come
    newest first; ``holds`` are those that stand now, ``holds_of`` those of one target. ``frozen`` is the words for
    people, empty when not frozen. ``rows`` is the part of the fleet that is written down (hosts, machines, volumes,
    snapshots, destroys, moves): the cheap one, for requests that come by the thousand. ``changed`` tells all of those
    kinds for a number below 0, and whenever it cannot tell what changed.
    """

    def now(self) -> datetime: ...

    def fleet(self) -> Fleet: ...

    def rows(self) -> Fleet: ...

    def sequence(self) -> int: ...

    def changed(self, since: int, kinds: Sequence[type]) -> Changes: ...

    def decisions(self, limit: int) -> list[Decision]: ...

    def decision(self, identifier: str) -> Decision | None: ...

    def holds(self) -> list[Decision]: ...

    def holds_of(self, target: str) -> list[Decision]: ...

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

    @property
    def life(self) -> MachineLife: ...

    async def destroy_machine(
        self, machine_id: str, *, force: bool, origin: Origin, who: str, nonce: str = ""
    ) -> Destroy: ...

    async def create_volume(self, ask: VolumeAsk) -> Volume: ...

    async def snapshot_volume(self, volume_id: str) -> Snapshot: ...

    async def extend_volume(self, volume_id: str, size_mb: int) -> tuple[Volume, bool]: ...

    async def update_volume(self, volume_id: str, kept: VolumeKept) -> Volume: ...

    async def destroy_volume(self, volume_id: str, *, origin: Origin, who: str) -> Volume: ...

    def apps(self) -> Mapping[str, App]: ...

    async def create_app(self, ask: AppAsk) -> App: ...

    async def delete_app(self, name: str, *, force: bool, origin: Origin, who: str) -> None: ...

    async def hear(self, said: Said) -> Heard: ...

    async def said(self, limit: int) -> list[dict[str, Any]]: ...

    async def unsealings(self, app: str, limit: int) -> list[dict[str, Any]]: ...

    async def freeze(self, statement: dict[str, Any]) -> None: ...

    async def mint_join_token(self, name: str, kind: str) -> str: ...

    async def join(self, ask: JoinAsk) -> dict[str, Any]: ...

    def vantage_for(self, token: str) -> str: ...

    def take_report(self, report: VantageReport) -> list[ProbeTarget]: ...
