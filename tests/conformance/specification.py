"""The public specification: read where it is given to us, never copied."""

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

import pytest

PLACE = Path(__file__).parents[3] / "shared/reference/machines-api.swagger2.json"


class Known(NamedTuple):
    """One operation of the specification; ``path`` with its version."""

    name: str
    method: str
    path: str

    @property
    def key(self) -> tuple[str, str]:
        return self.method, plain(self.path)


def read_specification() -> dict[str, Any]:
    """The document; whoever asks is skipped where it is absent."""
    if not PLACE.exists():
        pytest.skip("THE PUBLIC SPECIFICATION IS NOT HERE: ../shared/reference/machines-api.swagger2.json")
    found: dict[str, Any] = json.loads(PLACE.read_text())
    return found


def operations(specification: dict[str, Any]) -> list[Known]:
    """Every operation; one of them has the version twice, of which clients know nothing."""
    return [
        Known(told["operationId"], method.upper(), path if path.startswith("/v1/") else f"/v1{path}")
        for path, methods in specification["paths"].items()
        for method, told in methods.items()
    ]


def plain(path: str) -> str:
    """A path whatever its parameters are called."""
    return re.sub(r"\{[^}]*\}", "{}", path)
