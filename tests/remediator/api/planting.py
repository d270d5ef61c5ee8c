"""A machine's config with a secret in every place that it has, and in some that nobody has thought of yet."""

import json
import re
from itertools import count
from typing import Any

# Twelve characters of base64 with what follows, for the content of files is that.
MARK = "S3cr3t+"
_PLANTED = re.compile(r"S3cr3t\+\d{4}x")
UNKNOWN = "new_field"
# Their keys are names that the owner chose: what is added there is one of these, and shown as such.
_NAMED = frozenset({"env", "metadata"})


class Planter:
    """Secrets of which none is like another; none is a name, so that no answer has a reason to repeat it."""

    def __init__(self) -> None:
        self._numbers = count()

    def __call__(self) -> str:
        return f"{MARK}{next(self._numbers):04d}x"

    def sprinkled(self, value: Any, key: str = "") -> Any:
        """The same with an unknown field in each mapping, at every depth."""
        if isinstance(value, list):
            return [self.sprinkled(each) for each in value]
        if not isinstance(value, dict) or key in _NAMED:
            return value
        return {name: self.sprinkled(inner, name) for name, inner in value.items()} | {UNKNOWN: {UNKNOWN: [self()]}}


def planted_in(value: Any) -> set[str]:
    """Every secret that is in it."""
    return set(_PLANTED.findall(value if isinstance(value, str) else json.dumps(value)))


def planted_config(plant: Planter, command: list[str]) -> dict[str, Any]:
    """As clients send it; it runs that command, and is fit for an agent."""
    header = {"name": "Authorization", "values": [f"Bearer {plant()}"]}
    check = {"type": "http", "port": 8080, "path": f"/health?key={plant()}", "method": "GET", "headers": [header]}
    options = {"compress": True, "response": {"headers": {"Set-Cookie": plant()}}}
    told: dict[str, Any] = {
        "image": f"deploy:{plant()}@registry.example:5000/team/web:2",
        "env": {"DATABASE_URL": f"postgres://web:{plant()}@db/web", "TOKEN": plant()},
        "init": {"exec": [*command, plant()], "kernel_args": [plant()]},
        "guest": {"cpus": 0.25, "memory_mb": 256, "kernel_args": [plant()]},
        "files": [
            {"guest_path": "/etc/key", "raw_value": plant()},
            {"guest_path": "/etc/other", "secret_name": plant(), "image_config": plant()},
        ],
        "processes": [{"cmd": [plant()], "env": {"KEY": plant()}, "secrets": [{"env_var": "A", "name": plant()}]}],
        "containers": [{"name": "side", "image": plant(), "env": {"KEY": plant()}, "exec": [plant()]}],
        "services": [
            {
                "protocol": "tcp",
                "internal_port": 8080,
                "ports": [{"port": 443, "handlers": ["tls", "http"], "http_options": options}],
                "checks": [check],
                "concurrency": {"type": "requests", "hard_limit": 9},
            }
        ],
        "checks": {"alive": {**check, "path": f"/alive?key={plant()}"}},
        "metrics": {"port": 9090, "path": f"/metrics?key={plant()}"},
        "dns": {"options": [{"name": plant(), "value": plant()}]},
        "statics": [{"guest_path": "/s", "url_prefix": f"https://a:{plant()}@cdn/", "tigris_bucket": plant()}],
        "restart": {"policy": "on-failure", "max_retries": 2},
        "stop_config": {"timeout": "1s", "signal": "SIGTERM"},
        "volumes": [{"temp_dir": {"storage_type": plant()}}],
    }
    found: dict[str, Any] = plant.sprinkled(told)
    return found
