"""How many machines an app lacks or has too many, by what still lives. PURE."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from remediator.commands.tenant import Json, free_volumes, group_of, living, mounts_of


@dataclass(frozen=True, slots=True)
class Launch:
    """One more machine; for each mount a free volume, or None where one is to be made as ``model`` says."""

    region: str
    config: Json
    volumes: tuple[str | None, ...] = ()
    models: tuple[Json, ...] = ()


@dataclass(frozen=True, slots=True)
class Scale:
    """``away`` are machines on dead hosts: they neither count nor are touched."""

    launches: tuple[Launch, ...] = ()
    surplus: tuple[Json, ...] = ()
    away: tuple[Json, ...] = ()


@dataclass(frozen=True, slots=True)
class Count:
    """How many are wanted, of which group, and where; no region is those that the living are in."""

    wanted: int
    group: str = "app"
    region: str = ""
    config: Json | None = None


def scaled(machines: Sequence[Json], volumes: list[Json], count: Count) -> Scale | str:
    """What is to be done, or why it cannot be."""
    mine = [each for each in machines if group_of(each) == count.group and count.region in ("", each["region"])]
    alive = [each for each in mine if living(each)]
    away = tuple(each for each in mine if not living(each))
    missing = count.wanted - len(alive)
    if missing <= 0:
        newest_first = sorted(alive, key=lambda each: str(each["created_at"]), reverse=True)
        return Scale(surplus=tuple(newest_first[:-missing] if missing else ()), away=away)
    siblings = alive or [each for each in machines if living(each) and group_of(each) == count.group]
    config = count.config or (siblings[0]["config"] if siblings else None)
    if config is None:
        return f"no machine of group {count.group} lives whose config could be copied: say it by --config FILE"
    regions = [count.region] if count.region else _regions(alive or mine)
    if not regions:
        return "say where: --region REGION"
    models = [] if count.config or not siblings else _mounted(siblings[0], volumes)
    return Scale(tuple(_launches(missing, regions, config, models, volumes)), away=away)


def _mounted(machine: Json, volumes: list[Json]) -> list[Json]:
    """The volumes that a new machine's own are to be like."""
    named = [mount.get("volume") for mount in mounts_of(machine)]
    return [volume for name in named for volume in volumes if volume["id"] == name]


def _regions(machines: Sequence[Json]) -> list[str]:
    """Where they are, the emptiest first."""
    return [region for region, _ in reversed(Counter(str(each["region"]) for each in machines).most_common())]


def _launches(
    missing: int, regions: list[str], config: Json, models: list[Json], volumes: list[Json]
) -> list[Launch]:
    found, taken = [], set[str]()
    for number in range(missing):
        region = regions[number % len(regions)]
        mounted: list[str | None] = []
        for model in models:
            free = [v["id"] for v in free_volumes(volumes, model["name"], region) if v["id"] not in taken]
            mounted.append(free[0] if free else None)
            taken.update(free[:1])
        found.append(Launch(region, config, tuple(mounted), tuple(models)))
    return found
