"""What YAML 1.1 makes of words and numbers that people read otherwise, and what libyaml's complaints mean."""

import math
import re
from functools import lru_cache
from typing import Any

import yaml

PREFIX = "tag:yaml.org,2002:"
LONGEST_NUMBER = 40
_BOOLS = {"true": True, "false": False}
_TEXT = frozenset({"str", "timestamp", "value", "merge"})
_RESOLVERS = yaml.SafeLoader.yaml_implicit_resolvers
# What libyaml says, and what a person does about it.
_HINTS = (
    ("mapping values are not allowed", "a ': ' inside plain text starts a mapping; quote the text"),
    ("could not find expected ':'", "a key without ':' stands above, or text that goes on needs more indentation"),
    ("did not find expected key", "the indentation does not fit, or text follows a closed value; quote the whole"),
    ("did not find expected '-' indicator", "the lines of a list need the same indentation, each begun with '-'"),
    ("did not find expected ',' or '}'", "the { is never closed, or text in it needs quotes"),
    ("did not find expected ',' or ']'", "the [ is never closed, or text in it needs quotes"),
    ("did not find expected node content", "a value is missing, or what was begun with [ or { is never closed"),
    ("found unexpected end of stream", "the quote is never closed"),
    ("found unknown escape character", "in double quotes a backslash is written twice; or use single quotes"),
    ("cannot start any token", "text that begins with this character needs quotes"),
    ("undefined tag handle", "tags (!name) are not read; remove it"),
)


@lru_cache(maxsize=4096)
def kind_of(text: str) -> str:
    """What YAML 1.1 takes a plain scalar for: str, int, float, bool, null, timestamp, value or merge."""
    for tag, pattern in _RESOLVERS.get(text[:1], ()):
        if pattern.match(text):
            return str(tag).removeprefix(PREFIX)
    return "str"


def pitfall(kind: str, text: str) -> tuple[str, str]:
    """(message, check) for a plain scalar that people read otherwise; both empty when there is no such trap."""
    shown = repr(text if len(text) <= LONGEST_NUMBER else text[:LONGEST_NUMBER] + "...")
    if kind in _TEXT or kind == "null":
        return "", ""
    if kind == "bool":
        message = f"YAML reads {shown} as true or false; write true or false, or quote it to mean the word"
        return ("", "") if text.lower() in _BOOLS else (message, "yaml/boolean")
    if kind in ("int", "float"):
        return _number(kind, text, shown)
    return f"tag {kind!r} is not read; only text, numbers, true, false and null are", "yaml/tag"


def _number(kind: str, text: str, shown: str) -> tuple[str, str]:
    if ":" in text:
        message = f"YAML reads {shown} as a number in base 60; quote it, or write a duration such as 90s"
        return message, "yaml/sexagesimal"
    if kind == "int" and re.fullmatch(r"[-+]?0[0-7_]+", text):
        return f"YAML reads {shown} as an octal number; quote it, or leave out the leading zero", "yaml/octal"
    if len(text) > LONGEST_NUMBER or (kind == "float" and text[-1].isdigit() and math.isinf(_float(text))):
        return f"the number {shown} is too large; quote it to mean text", "yaml/number"
    return "", ""


def plain(kind: str, text: str) -> Any:
    """The value of a scalar without a trap.

    Raises:
        ValueError: an explicit tag that the text does not fit.
    """
    if kind == "null":
        return None
    if kind == "bool":
        if text.lower() not in _BOOLS:
            raise ValueError(text)
        return _BOOLS[text.lower()]
    if kind == "int":
        return int(text.replace("_", ""), 0)
    return _float(text) if kind == "float" else text


def _float(text: str) -> float:
    return float(text.lower().replace("_", "").replace(".inf", "inf").replace(".nan", "nan"))


def explained(said: str, character: str) -> tuple[str, str]:
    """(message, check) of what libyaml said about a place where ``character`` stands."""
    if "tab character" in said or ("cannot start any token" in said and character == "\t"):
        return "a tab stands where YAML wants spaces; indent with spaces", "yaml/tab"
    hint = next((words for part, words in _HINTS if part in said), "")
    return f"not valid YAML: {said}{f': {hint}' if hint else ''}", "yaml/syntax"
