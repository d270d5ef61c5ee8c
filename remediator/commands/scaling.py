"""How many machines an app lacks or has too many, by what still lives. PURE."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from remediator.commands.tenant import GROUP, Json, copied, free_volumes, group_of, living


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
    config = count.config or (copied(siblings[0]["config"]) if siblings else None)
    if count.config and group_of({"config": count.config}) != count.group:
        config = count.config | {"metadata": {**(count.config.get("metadata") or {}), GROUP: count.group}}
    if config is None:
        return f"no machine of group {count.group} lives whose config could be copied: say it by --config FILE"
    regions = [count.region] if count.region else _regions(alive or mine)
    if not regions:
        return "say where: --region REGION"
    models: list[Json] = []
    for mount in config.get("mounts") or []:
        model = _model(mount, volumes)
        if model is None:
            named = mount.get("volume") or "of a mount"
            return f"no volume {named} is known: name one of the app's, or write name and size_gb in the mount"
        models.append(model)
    return Scale(tuple(_launches(missing, regions, config, models, volumes)), away=away)


def _model(mount: Json, volumes: list[Json]) -> Json | None:
    """What the volume of a new machine's mount is to be like: the one that is named, also where its host is dead."""
    if mount.get("name") and not mount.get("volume"):
        return {"name": mount["name"], "size_gb": mount.get("size_gb") or 1}
    return next((volume for volume in volumes if volume["id"] == mount.get("volume")), None)


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
            fits = free_volumes(volumes, model["name"], region)
            # The very one that is named, where it is free.
            free = [v["id"] for v in sorted(fits, key=lambda v: v["id"] != model.get("id")) if v["id"] not in taken]
            mounted.append(free[0] if free else None)
            taken.update(free[:1])
        found.append(Launch(region, config, tuple(mounted), tuple(models)))
    return found
