"""The copy of a machine's config that may leave its host: what is named here and nothing else."""

from typing import Any

KEPT = (
    "guest", "metadata", "mounts", "image", "services", "checks",
    "restart", "stop_config", "schedule", "auto_destroy",
)  # fmt: skip
# Probe headers inside checks and services carry credentials often enough.
DROPPED_INSIDE = frozenset({"headers"})


def scrubbed(config: dict[str, Any]) -> dict[str, Any]:
    """The config without env, files, init, processes and everything else that is not on the list."""
    return {key: _without(config[key]) for key in KEPT if key in config}


def _without(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without(inner) for key, inner in value.items() if key not in DROPPED_INSIDE}
    if isinstance(value, list):
        return [_without(inner) for inner in value]
    return value
