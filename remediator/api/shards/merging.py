"""One answer made of several shards': lists one after the other, documents joined, metrics by family. PURE."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

_SAMPLE = re.compile(r"^([A-Za-z_:][A-Za-z0-9_:]*)(\{(.*)\})?( .*)$")
_SUFFIXES = ("_bucket", "_sum", "_count", "_total", "_created")


def merged(documents: Iterable[Any]) -> Any:
    """Lists in a row; documents by key, where lists and documents are merged too and of all else the first stays."""
    found: Any = None
    for each in documents:
        found = each if found is None else _with(found, each)
    return found


def _with(one: Any, other: Any) -> Any:
    if isinstance(one, list) and isinstance(other, list):
        return one + other
    if isinstance(one, dict) and isinstance(other, dict):
        more = {key: _with(one[key], value) if key in one else value for key, value in other.items()}
        return one | more
    return one


def metrics_of(pages: Mapping[str, str]) -> str:
    """Metrics pages by shard as one page: each sample says of which shard it is, each family is told once."""
    heads: dict[str, list[str]] = {}
    samples: defaultdict[str, list[str]] = defaultdict(list)
    for shard, page in pages.items():
        for line in page.splitlines():
            if line.startswith("#"):
                _head(line, heads)
            elif match := _SAMPLE.match(line):
                samples[_family(match[1], heads)].append(_labelled(match, shard))
    names = [*heads, *(name for name in samples if name not in heads)]
    return "".join(f"{line}\n" for name in names for line in (*heads.get(name, ()), *samples[name]))


def _head(line: str, heads: dict[str, list[str]]) -> None:
    words = line.split(" ", 3)
    if len(words) > 2 and words[1] in ("HELP", "TYPE"):
        told = heads.setdefault(words[2], [])
        if not any(each.split(" ", 3)[1] == words[1] for each in told):
            told.append(line)


def _family(name: str, heads: Mapping[str, object]) -> str:
    if name in heads:
        return name
    cut = (name.removesuffix(suffix) for suffix in _SUFFIXES if name.endswith(suffix))
    return next((each for each in cut if each in heads), name)


def _labelled(match: re.Match[str], shard: str) -> str:
    inner = f",{match[3]}" if match[3] else ""
    return f'{match[1]}{{shard="{shard}"{inner}}}{match[4]}'
