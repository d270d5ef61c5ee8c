"""What may leave a host of a config: named fields, at every depth."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remediator.wire.scrub import KEPT, scrubbed

FULL: dict[str, Any] = {
    "image": "registry.example/web:1",
    "env": {"TOKEN": "s"},
    "init": {"exec": ["s"], "kernel_args": ["s"]},
    "files": [{"guest_path": "/a", "raw_value": "s"}],
    "processes": [{"env": {"A": "s"}}],
    "guest": {"cpu_kind": "shared", "cpus": 1, "memory_mb": 256, "kernel_args": ["s"]},
    "metadata": {"anything": "goes"},
    "mounts": [{"volume": "v1", "path": "/data"}],
    "services": [
        {
            "protocol": "tcp",
            "internal_port": 8080,
            "ports": [{"port": 443, "handlers": ["tls"], "http_options": {"response": {"headers": {"X": "s"}}}}],
            "checks": [{"type": "http", "path": "/healthz?token=s", "headers": [{"name": "A", "values": ["s"]}]}],
        }
    ],
    "checks": {"alive": {"type": "tcp", "port": 8080, "headers": [{"name": "A", "values": ["s"]}]}},
    "restart": {"policy": "always", "why": {"s": "s"}},
    "schedule": {"s": "s"},
    "standbys": ["3d8e1f00000000"],
}


def test_only_what_is_named_is_kept_at_every_depth() -> None:
    assert scrubbed(FULL) == {
        "image": "registry.example/web:1",
        "guest": {"cpu_kind": "shared", "cpus": 1, "memory_mb": 256},
        "metadata": {"anything": "goes"},
        "mounts": [{"volume": "v1", "path": "/data"}],
        "services": [
            {
                "protocol": "tcp",
                "internal_port": 8080,
                "ports": [{"port": 443, "handlers": ["tls"], "http_options": {}}],
                "checks": [{"type": "http", "path": "/healthz"}],
            }
        ],
        "checks": {"alive": {"type": "tcp", "port": 8080}},
        "restart": {"policy": "always"},
        "standbys": ["3d8e1f00000000"],
    }


def test_what_was_scrubbed_once_stays_as_it_is() -> None:
    once = scrubbed(FULL)
    assert scrubbed(once) == once


_NAMES = st.sampled_from([*KEPT, "env", "secret", "headers", "ports", "checks", "path"])
_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.just("plain")),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_NAMES, inner, max_size=3)),
    max_leaves=12,
)


@given(st.dictionaries(_NAMES, _JSON, max_size=4))
def test_a_field_that_nobody_allowed_is_hidden_wherever_it_stands(config: dict[str, Any]) -> None:
    told = scrubbed(config)
    # Metadata may have any key, and so may the names of checks.
    rest = {key: value for key, value in told.items() if key not in ("metadata", "checks")}
    assert not _has(rest, "secret")
    assert not _has(rest, "headers")
    assert set(told) <= set(KEPT)


def _has(value: Any, name: str) -> bool:
    if isinstance(value, dict):
        return name in value or any(_has(inner, name) for inner in value.values())
    return isinstance(value, list) and any(_has(inner, name) for inner in value)


@pytest.mark.parametrize(
    ("image", "kept"),
    [
        ("registry.example/team/web:2", "registry.example/team/web:2"),
        ("web@sha256:ab12", "web@sha256:ab12"),
        ("deploy:s@registry.example:5000/web:2@sha256:ab12", "registry.example:5000/web:2@sha256:ab12"),
        ("https://deploy:s@registry.example/web:2", "registry.example/web:2"),
        ("deploy:s?s@registry.example/web:2?token=s", "registry.example/web:2"),
        ("deploy:s@sha256:s@registry.example/web:2", "registry.example/web:2"),
    ],
)
def test_an_image_is_kept_without_its_registry_s_password(image: str, kept: str) -> None:
    assert scrubbed({"image": image}) == {"image": kept}
