"""A machine config from a file, and where in it something stands."""

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from remediator.commands.client import CommandFailed
from remediator.commands.tenant import Json

# How the Machines API names a field of a config that it does not take.
_FIELD = re.compile(r"\bconfig\.([\w.-]+): (.+)")


def read_config(path: Path) -> Json:
    """A machine config from a file.

    Raises:
        CommandFailed: it cannot be read, or is no mapping; with its line and column where there is one.
    """
    try:
        found = yaml.safe_load(_text(path))
        # What YAML knows and JSON does not, as text; the API has words for the rest.
        plain = json.loads(json.dumps(found, default=str), parse_constant=_refused)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
        raise CommandFailed(f"{place}: {error.problem}") from None
    except yaml.YAMLError as error:
        raise CommandFailed(f"{path}: {error}".splitlines()[0]) from None
    except (RecursionError, TypeError, ValueError) as error:
        raise CommandFailed(f"{path}:1:1: cannot be said in JSON: {error}") from None
    if not isinstance(plain, dict) or not all(isinstance(key, str) for key in found):
        raise CommandFailed(f"{path}:1:1: must be a machine config, a mapping of fields")
    if wrong := next((text for text in _misshapen(plain)), ""):
        raise CommandFailed(placed(f"config.{wrong}", path))
    return plain


def _misshapen(config: Json) -> Iterator[str]:
    """Of what the commands themselves look into; the rest is the API's to judge."""
    for name in ("metadata", "env"):
        if not isinstance(config.get(name) or {}, dict):
            yield f"{name}: must be a mapping"
    mounts = config.get("mounts") or []
    if not (isinstance(mounts, list) and all(isinstance(mount, dict) for mount in mounts)):
        yield "mounts: must be a list of mappings"


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise CommandFailed(f"{path}: {why}") from None


def _refused(word: str) -> float:
    raise ValueError(f"{word} is no number" if math.isnan(float(word)) else f"{word} is no finite number")


def placed(refused: str, path: Path | None) -> str:
    """The API's refusal with its place in the file, where it names a field of the config that the file has."""
    found = _FIELD.search(refused)
    if path is None or found is None:
        return refused
    node = _node(yaml.compose(_text(path), Loader=yaml.SafeLoader), found[1].split("."))
    if node is None:
        return refused
    mark = node.start_mark
    return f"{path}:{mark.line + 1}:{mark.column + 1}: {found[1]}: {found[2]}"


def _node(node: Any, names: list[str]) -> yaml.Node | None:
    """The node as far down as the file has it; None where it has not even the first name."""
    below = _below(node, names[0]) if names else None
    return below and (_node(below, names[1:]) or below)


def _below(node: Any, name: str) -> yaml.Node | None:
    if isinstance(node, yaml.MappingNode):
        return next((value for key, value in node.value if key.value == name), None)
    if isinstance(node, yaml.SequenceNode) and name.isdigit() and int(name) < len(node.value):
        entry: yaml.Node = node.value[int(name)]
        return entry
    return None
