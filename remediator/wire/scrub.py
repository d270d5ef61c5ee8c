"""The copy of a machine's config that may leave its host: what is named here, at every depth, and nothing else."""

import re
from collections.abc import Mapping
from typing import Any

# A plain value, or a list of plain values; a mapping of fields; or every key, for ``EACH``.
PLAIN: dict[str, Any] = {}
EACH = "*"
Shape = Mapping[str, Any]
_DIGEST = re.compile(r"@sha256:[0-9a-f]+\Z")


def _plain(*names: str) -> dict[str, Any]:
    return dict.fromkeys(names, PLAIN)


# Headers of probes and answers, commands and kernel arguments carry credentials often enough: they are not here.
_CHECK = _plain(
    "port", "type", "kind", "interval", "timeout", "grace_period", "method", "path", "protocol",
    "tls_skip_verify", "tls_server_name",
)  # fmt: skip
_PORT = {
    **_plain("port", "start_port", "end_port", "handlers", "force_https"),
    "tls_options": _plain("alpn", "versions", "default_self_signed"),
    "http_options": _plain("compress", "h2_backend", "idle_timeout"),
    "proxy_proto_options": _plain("version"),
}
_SERVICE = {
    **_plain("protocol", "internal_port", "autostop", "autostart", "min_machines_running"),
    **_plain("force_instance_key", "force_instance_description"),
    "ports": _PORT,
    "checks": _CHECK,
    "concurrency": _plain("type", "hard_limit", "soft_limit"),
}
KEPT: Shape = {
    **_plain("image", "schedule", "auto_destroy", "standbys"),
    "guest": _plain(
        "cpu_kind", "cpus", "memory_mb", "max_memory_mb", "gpus", "gpu_kind", "host_dedication_id", "persist_rootfs"
    ),
    "metadata": {EACH: PLAIN},
    "mounts": _plain(
        "volume", "path", "name", "encrypted", "size_gb", "extend_threshold_percent", "add_size_gb", "size_gb_limit"
    ),
    "services": _SERVICE,
    "checks": {EACH: _CHECK},
    "restart": _plain("policy", "max_retries"),
    "stop_config": _plain("timeout", "signal"),
}


def scrubbed(config: dict[str, Any]) -> dict[str, Any]:
    """The config without env, files, init, processes and everything else that is not on the list."""
    kept: dict[str, Any] = _fields(config, KEPT)
    return kept


def _fields(value: Mapping[str, Any], shape: Shape) -> dict[str, Any]:
    known = ((key, inner, shape.get(key, shape.get(EACH))) for key, inner in value.items())
    return {key: _only(key, inner, fields) for key, inner, fields in known if _fits(inner, fields)}


def _fits(value: Any, fields: Shape | None) -> bool:
    """Whether a value is of the kind that was allowed: a mapping where a plain one is meant may hide anything."""
    if fields is None:
        return False
    if isinstance(value, list):
        return all(not isinstance(each, list) and _fits(each, fields) for each in value)
    return value is None or isinstance(value, dict) is bool(fields)


def _only(key: str, value: Any, fields: Shape | None) -> Any:
    if isinstance(value, list):
        return [_only(key, each, fields) for each in value]
    if isinstance(value, dict):
        return _fields(value, fields or {})
    if not isinstance(value, str):
        return value
    if key == "image":
        return _anonymous(value)
    # A query may carry a token.
    return value.partition("?")[0] if key == "path" else value


def _anonymous(image: str) -> str:
    """The image without the scheme and the ``user:password@`` that some registries are given in its name."""
    found = _DIGEST.search(image)
    name, digest = (image[: found.start()], found[0]) if found else (image, "")
    return name.rpartition("@")[2].partition("?")[0].rpartition("://")[2] + digest
