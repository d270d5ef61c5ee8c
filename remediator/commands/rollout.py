"""What a deploy does to each machine of an app, or why it does nothing at all. PURE."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from remediator.commands.tenant import (
    REPLACES,
    Json,
    config_of,
    copied,
    free_volumes,
    group_of,
    living,
    mounts_of,
    replaces,
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is deployed: a whole config, or what is changed in the one that each machine has."""

    config: Mapping[str, Any] | None = None
    image: str = ""
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Update:
    """A machine whose host answers gets its new config where it is."""

    machine: Json
    config: Json


@dataclass(frozen=True, slots=True)
class Replace:
    """A machine on a host that is away is destroyed, and another one launched in its stead."""

    machine: Json
    config: Json


@dataclass(frozen=True, slots=True)
class Drop:
    """A machine on a host that is away, for which ``twin`` serves already, is destroyed."""

    machine: Json
    twin: str


@dataclass(frozen=True, slots=True)
class Keep:
    """A machine that has what is wanted."""

    machine: Json


Step = Update | Replace | Drop | Keep


def planned(machines: Sequence[Json], volumes: list[Json], wanted: Wanted) -> tuple[list[Step], list[str]]:
    """The steps, those on dead hosts first; and what stands in the way: before it is gone, nothing may be done."""
    rollout = _Rollout(machines, volumes, wanted)
    for machine in sorted(machines, key=living):
        rollout.add(machine)
    return rollout.steps, rollout.problems


class _Rollout:
    def __init__(self, machines: Sequence[Json], volumes: list[Json], wanted: Wanted) -> None:
        self._living = [machine for machine in machines if living(machine)]
        self._volumes = volumes
        self._wanted = wanted
        self._taken: set[str] = set()
        self.steps: list[Step] = []
        self.problems: list[str] = []

    def add(self, machine: Json) -> None:
        if living(machine):
            config = _with(config_of(machine), machine, self._wanted)
            self.steps.append(Keep(machine) if config == machine["config"] else Update(machine, config))
        elif twin := next((each["id"] for each in self._living if _stands_for(each, machine)), ""):
            self.steps.append(Drop(machine, twin))
        else:
            self._replace(machine)

    def _replace(self, machine: Json) -> None:
        siblings = (each for each in self._living if group_of(each) == group_of(machine))
        base = self._wanted.config or next((copied(config_of(each)) for each in siblings), None)
        if base is None:
            self.problems.append(
                f"machine {machine['id']} cannot be replaced: its full config is on its host, which cannot be "
                "reached, and no sibling of its group has one (say it by --config FILE)"
            )
            return
        config = _with(base, machine, self._wanted)
        config["metadata"] = {**config.get("metadata", {}), REPLACES: machine["id"]}
        mounts = [self._mounted(machine, mount) for mount in mounts_of(machine)]
        config.pop("mounts", None)
        whole = [mount for mount in mounts if mount]
        if len(whole) == len(mounts):
            self.steps.append(Replace(machine, {**config, "mounts": whole} if whole else config))

    def _mounted(self, machine: Json, mount: Json) -> Json | None:
        """The mount on a free volume of the same name; None, and told, where there is none."""
        old = str(mount.get("volume", ""))
        known = next((volume for volume in self._volumes if volume["id"] == old), None)
        name = known["name"] if known else str(mount.get("name", ""))
        free = [v for v in free_volumes(self._volumes, name, machine["region"]) if v["id"] not in self._taken]
        if not free:
            self.problems.append(
                f"machine {machine['id']} requires manual intervention: it cannot be replaced, because its volume "
                f"{old} ({name}) is on an unreachable host and no other volume {name} in {machine['region']} is free"
            )
            return None
        self._taken.add(free[0]["id"])
        return {**mount, "volume": free[0]["id"]}


def _stands_for(living_one: Json, lost: Json) -> bool:
    """Whether it was launched in place of that one: by us, or by an earlier deploy that was cut short."""
    return bool(living_one["name"] == lost["name"] or replaces(living_one) == lost["id"])


def _with(base: Mapping[str, Any], machine: Json, wanted: Wanted) -> Json:
    """A config for this machine: what is wanted, with the mounts, standbys and metadata that are its own."""
    own, given = config_of(machine), wanted.config or {}
    config = {**(given or base), **{key: own[key] for key in ("mounts", "standbys") if own.get(key)}}
    if metadata := _merged("metadata", base, own, given):
        config["metadata"] = metadata
    if wanted.image:
        config["image"] = wanted.image
    if wanted.env:
        config["env"] = {**(config.get("env") or {}), **wanted.env}
    return config


def _merged(key: str, *configs: Mapping[str, Any]) -> Json:
    return {name: value for config in configs for name, value in (config.get(key) or {}).items()}
