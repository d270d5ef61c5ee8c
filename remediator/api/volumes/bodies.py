"""What clients send about volumes, apps and placements."""

from typing import Annotated

from aiohttp import web
from pydantic import Field, model_validator

from remediator.api.bodies import LARGEST_MB, MIB_IN_GIB, Guest, Lenient, Name, Text, wrong
from remediator.api.tenants.scopes import caller_of
from remediator.model.asks import VolumeAsk, VolumeKept
from remediator.model.host import Capacity

LARGEST_GB = LARGEST_MB // MIB_IN_GIB
LONGEST_KEY = 255
Gigabytes = Annotated[int, Field(gt=0, le=LARGEST_GB)]
Megabytes = Annotated[int, Field(gt=0, le=LARGEST_MB)]
Days = Annotated[int, Field(ge=1, le=60)]
Identifier = Annotated[Text, Field(max_length=128)]


class Sized(Lenient):
    """``size_mb`` is ours, for small fleets, and wins over ``size_gb``."""

    size_gb: Gigabytes | None = None
    size_mb: Megabytes | None = None

    @property
    def megabytes(self) -> int:
        """0 when no size is given."""
        return self.size_mb or (self.size_gb or 0) * MIB_IN_GIB


class CreateVolume(Sized):
    """Clients send every key, most of them null. Whatever is asked of encryption, no volume here is encrypted."""

    name: Annotated[Name, Field(min_length=1)]
    region: Name | None = None
    snapshot_id: Identifier | None = None
    source_volume_id: Identifier | None = None
    require_unique_zone: bool | None = None
    unique_zone_app_wide: bool | None = None
    snapshot_retention: Days | None = None
    auto_backup_enabled: bool | None = None
    encrypted: bool | None = None
    fstype: Annotated[str, Field(pattern="^(ext4|)$")] | None = None
    compute: Guest | None = None

    @model_validator(mode="after")
    def _sized(self) -> "CreateVolume":
        if self.snapshot_id and self.source_volume_id:
            msg = "snapshot_id and source_volume_id: only one of them"
            raise ValueError(msg)
        if not (self.megabytes or self.snapshot_id or self.source_volume_id):
            msg = "size_gb or size_mb is needed"
            raise ValueError(msg)
        return self

    def ask(self, app: str, key: str) -> VolumeAsk:
        return VolumeAsk(
            app,
            self.name,
            self.region or "",
            self.megabytes,
            self.snapshot_id or "",
            self.source_volume_id or "",
            self._unique_zone(),
            capacity_of(self.compute) if self.compute else Capacity(),
            self.snapshot_retention or 5,
            # The specification's default.
            auto_backup=self.auto_backup_enabled is not False,
            key=key,
        )

    def _unique_zone(self) -> str:
        if self.unique_zone_app_wide:
            return "app"
        return "name" if self.require_unique_zone else ""


class ExtendVolume(Sized):
    @model_validator(mode="after")
    def _sized(self) -> "ExtendVolume":
        if not self.megabytes:
            msg = "size_gb or size_mb is needed"
            raise ValueError(msg)
        return self


class UpdateVolume(Lenient):
    snapshot_retention: Days | None = None
    auto_backup_enabled: bool | None = None

    def kept(self) -> VolumeKept:
        return VolumeKept(self.snapshot_retention, self.auto_backup_enabled)


class CreateApp(Lenient):
    """Clients send ``name``, older ones ``app_name``; empty values are absent ones."""

    name: Name | None = None
    app_name: Name | None = None
    org_slug: Name | None = None
    network: Annotated[Text, Field(max_length=63)] | None = None
    app_role_id: Annotated[Text, Field(max_length=63)] | None = None

    @model_validator(mode="after")
    def _named(self) -> "CreateApp":
        if not self.chosen:
            msg = "name is needed"
            raise ValueError(msg)
        return self

    @property
    def chosen(self) -> str:
        return self.name or self.app_name or ""


class Weights(Lenient):
    """Taken, and without effect: a region is filled in the order in which it is named."""

    region: int | None = None
    spread: int | None = None


class Placements(Lenient):
    """``region`` names regions, parted by commas, in the order of preference; ``any`` is every other one."""

    org_slug: Annotated[Name, Field(min_length=1)]
    region: Annotated[Text, Field(max_length=1024)] | None = None
    count: Annotated[int, Field(ge=0, le=10_000)] | None = None
    compute: Guest | None = None
    volume_name: Identifier | None = None
    volume_size_bytes: Annotated[int, Field(ge=0, le=LARGEST_MB * 2**20)] | None = None
    weights: Weights | None = None


def capacity_of(guest: Guest | None) -> Capacity:
    """What such a machine takes; the smallest one where nothing is said."""
    cpus = guest.cpus if guest else None
    memory = guest.memory_mb if guest else None
    return Capacity(cpus or 1.0, memory or 256, 0)


def idempotency_key(request: web.Request) -> str:
    """The caller's own name for this very wish; empty when it has none."""
    key = request.headers.get("Idempotency-Key", "")
    if len(key) > LONGEST_KEY or not key.isprintable():
        raise wrong(f"Idempotency-Key: must be at most {LONGEST_KEY} printable characters")
    return f"{caller_of(request).key}/{key}" if key else ""
