"""Where generated requests go: to apps, machines and volumes that are there, with bodies that make some sense."""

from collections.abc import Callable, Mapping
from typing import Any

from remediator.api.fakes.fleet import troubled_fleet
from remediator.model.fleet import routable
from tests.conformance.served import NOW

_FLEET = troubled_fleet(NOW)
APPS = ("web", "db", "worker")
_MACHINES = {app: sorted(each.id for each in _FLEET.machines.values() if each.app == app) for app in APPS}
# Those that can be asked for anything: they run, on a host that answers.
_WELL = {
    app: [name for name in names if routable(_FLEET.machines[name], _FLEET.hosts[_FLEET.machines[name].host])]
    for app, names in _MACHINES.items()
    if app != "worker"
}
_VOLUMES = sorted(_FLEET.volumes)
_FREE = sorted(volume.id for volume in _FLEET.volumes.values() if volume.free)
_GUEST = {"cpus": 1, "memory_mb": 256}
# Of a body, what the rest is laid under; by how its path ends.
BODIES: Mapping[str, dict[str, Any]] = {
    "/machines": {"config": {"guest": _GUEST, "init": {"exec": ["/bin/sleep", "600"]}}, "name": "", "region": "arn"},
    "/machines/{}": {"config": {"guest": _GUEST, "init": {"exec": ["/bin/sleep", "600"]}}, "name": "", "region": ""},
    "/volumes": {
        "name": "data",
        "region": "arn",
        "size_gb": 1,
        "snapshot_id": None,
        "source_volume_id": None,
        "compute": None,
        "snapshot_retention": 5,
        "fstype": None,
        "encrypted": True,
        "auto_backup_enabled": None,
        "require_unique_zone": None,
        "unique_zone_app_wide": None,
    },
    "/extend": {"size_gb": 2},
    "/volumes/{}": {"snapshot_retention": 7, "auto_backup_enabled": True},
    "/apps": {"app_name": "", "org_slug": "personal", "network": "", "app_role_id": ""},
    "/placements": {"org_slug": "personal", "region": "any", "compute": _GUEST},
    "/signal": {"signal": "SIGUSR1"},
    "/stop": {"signal": "SIGTERM", "timeout": "0s"},
    "/exec": {"command": ["true"], "timeout": 1},
    "/lease": {"ttl": 30, "description": "a deploy"},
    "/metadata": {"metadata": {"role": "web"}, "machine_version": "", "updated_at": ""},
    "/metadata/{}": {"value": "web", "updated_at": ""},
    "/join-tokens": {"name": "h9", "kind": "agent"},
    "/tokens": {"name": "", "access": "read", "organisation": "acme", "app": "", "expires_seconds": 60, "digest": ""},
}
# What people say, whatever they say it about.
_SAID = {
    "by": "ada", "why": "a new power supply", "until": None, "for_seconds": 60, "host": "h1", "hosts": ["h1"],
    "name": "h1", "scope": "host", "playbook": "host_dead", "target": "h1", "incident": "", "machine": "m1",
    "attested": "wiped", "answer": "replaced", "question": "q1",
}  # fmt: skip
# Of a query, what is sent in place of what was generated.
QUERIES: Mapping[str, dict[str, Any]] = {
    "/wait": {"timeout": 1, "state": "settled"},
    "/events": {"limit": 5},
    "/ps": {"sort_by": "pid", "order": "asc"},
    "/machines": {"include_deleted": "true", "state": "started", "limit": 3, "cursor": "", "updated_after": ""},
    "/volumes": {"summary": "true", "limit": 3, "cursor": "", "updated_after": ""},
    "/regions": {"size": "shared-cpu-1x", "cpus": 1, "memory_mb": 256, "gpus": 0},
    "/restart": {"timeout": "1s", "signal": "SIGTERM"},
    "/lease": {"ttl": 30},
    "/apps/{}": {"force": "true"},
    "/machines/{}": {"force": "true", "kill": "true"},
}


# The app, machine or volume to go to, by path, number, and whether all must be well there: parameters of paths.
Point = Callable[[str, int, bool], Mapping[str, str]]


def aim_by(point: Point) -> Callable[[Any, int], None]:
    """Three of four go where something is. Of these one has what makes sense laid over what was generated, and one
    nothing else."""

    def aim(case: Any, number: int) -> None:
        if _ending(case.path) == "/wait":
            # Its own is a minute.
            case.query = {"timeout": 1, **(case.query or {})}
        how = number % 4
        if how == 0:
            return
        known = point(case.path, number // 4, how > 1)
        case.path_parameters = {name: known.get(name, value) for name, value in (case.path_parameters or {}).items()}
        body, query = _body(case.path, number), QUERIES.get(_ending(case.path), {})
        if how == 2 and isinstance(case.body, dict):
            case.body = {**case.body, **body}
            case.query = _asked({**(case.query or {}), **query})
        elif how == 3:
            case.body = body if body and case.method in ("POST", "PUT", "PATCH") else case.body
            case.query = _asked(query)
            case.headers = {}

    return aim


def _asked(query: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in query.items() if value != ""}


def _body(path: str, number: int) -> dict[str, Any]:
    if path.startswith("/v1/people/"):
        return _SAID
    body = BODIES.get(_ending(path), {})
    return body | {"name": f"new-{number}"} if _ending(path) in ("/apps", "/tokens") else body


def _ending(path: str) -> str:
    words = ["{}" if word.startswith("{") else word for word in path.strip("/").split("/")]
    return "/" + "/".join(words[-2:] if words[-1] == "{}" else words[-1:])


def named(app: str, thing: str) -> Mapping[str, str]:
    """Under all the names that paths have for them."""
    known = {"app": app, "app_name": app, "org": "personal", "org_slug": "personal", "key": "role", "job": "host"}
    return known | dict.fromkeys(("id", "machine_id", "volume_id"), thing)


def _in_memory(path: str, number: int, well: bool) -> Mapping[str, str]:
    apps = ("db",) if "/volumes" in path else tuple(_WELL) if well else APPS
    app = apps[number % len(apps)]
    machines = (_WELL if well else _MACHINES)[app]
    things = (_FREE if well else _VOLUMES) if "/volumes" in path else machines
    return named(app, things[number % len(things)])


aim = aim_by(_in_memory)
