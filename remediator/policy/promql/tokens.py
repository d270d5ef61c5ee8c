"""The words of an expression with their places: the parser tells none, and a caret must stand under the culprit."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

_TOKEN = re.compile(
    r"""(?P<space>(?:\s|\#[^\n]*)+)
    | (?P<text>"(?:\\.|[^"\\])*" | '(?:\\.|[^'\\])*' | `[^`]*`)
    | (?P<number>0[xX][0-9a-fA-F]+ | (?:\d+(?:ms|[smhdwy]))+ | (?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)
    | (?P<word>[a-zA-Z_:][a-zA-Z0-9_:]*)
    | (?P<sign>==|=~|!=|!~|>=|<=|[-+*/%^><=(){}\[\],@:])
    | (?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
LISTS = frozenset({"by", "without", "on", "ignoring", "group_left", "group_right"})
OPERATORS = frozenset(
    {"+", "-", "*", "/", "%", "^", "==", "!=", ">", "<", ">=", "<=", "and", "or", "unless", "atan2"}
)
_KEYWORDS = LISTS | {"and", "or", "unless", "atan2", "bool", "offset", "inf", "nan"}
_BEFORE_OPERAND = OPERATORS | {"(", ",", "bool", "offset", "["}


class Role(StrEnum):
    """What a word does in its expression."""

    SELECTOR = "selector"
    CALL = "call"
    OPERATOR = "operator"
    NUMBER = "number"
    LABEL = "label"  # of a list: by (host)
    MATCHER = "matcher"  # a label's name within braces
    VALUE = "value"  # what a matcher compares with
    WINDOW = "window"  # the bracket of a range
    SUBQUERY = "subquery"  # the bracket of a range with a step
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Word:
    """One word; ``at`` counts characters from the start of the text."""

    role: Role
    text: str
    at: int


def words(text: str) -> list[Word]:
    """Every word of the expression but spaces and comments, with what it does there."""
    found = [(match[0], match.start(), str(match.lastgroup)) for match in _TOKEN.finditer(text)]
    return list(_roles([token for token in found if token[2] != "space"]))


def _roles(tokens: list[tuple[str, int, str]]) -> Iterator[Word]:
    inside: list[str] = []
    for index, (text, at, kind) in enumerate(tokens):
        before = tokens[index - 1][0] if index else "("
        after = tokens[index + 1][0] if index + 1 < len(tokens) else ""
        if text in ("(", "{", "["):
            yield Word(_opening(tokens, index, before), text, at)
            inside.append("list" if text == "(" and before.lower() in LISTS else text)
            continue
        if text in (")", "}", "]"):
            del inside[-1:]
        yield Word(_role(kind, (before, text, after), inside[-1] if inside else ""), text, at)


def _opening(tokens: list[tuple[str, int, str]], index: int, before: str) -> Role:
    text = tokens[index][0]
    if text == "{":
        named = index > 0 and tokens[index - 1][2] == "word" and before.lower() not in _KEYWORDS
        return Role.OTHER if named else Role.SELECTOR
    if text != "[":
        return Role.OTHER
    rest = (token[0] for token in tokens[index:])
    return Role.SUBQUERY if _has_step(rest) else Role.WINDOW


def _has_step(rest: Iterator[str]) -> bool:
    for text in rest:
        if text == "]":
            return False
        # The lexer takes the colon of [5m:] and [5m:1m] for the beginning of a word.
        if ":" in text:
            return True
    return False


def _role(kind: str, around: tuple[str, str, str], inside: str) -> Role:
    before, text, after = around
    if inside == "{":
        return _in_braces(kind, before)
    if inside == "list":
        return Role.LABEL if kind == "word" else Role.OTHER
    if inside == "[":
        return Role.OTHER
    if text.lower() in OPERATORS:
        return Role.OTHER if before.lower() in _BEFORE_OPERAND and kind == "sign" else Role.OPERATOR
    if kind == "number" or text.lower() in ("inf", "nan"):
        # A span (5m) is part of an offset; numbers have no unit.
        return Role.OTHER if before == "@" or text[-1] in "smhdwy" else Role.NUMBER
    return _word(text, after) if kind == "word" and before != "@" else Role.OTHER


def _word(text: str, after: str) -> Role:
    if text.lower() in _KEYWORDS:
        return Role.OTHER
    return Role.CALL if after == "(" or after.lower() in ("by", "without") else Role.SELECTOR


def _in_braces(kind: str, before: str) -> Role:
    if kind == "word" and before in ("{", ",", "or"):
        return Role.MATCHER
    return Role.VALUE if kind == "text" and before in ("=", "!=", "=~", "!~") else Role.OTHER
