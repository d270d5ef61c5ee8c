"""A rule's expression made fit for the past: the selectors in its text, and what is put in their place.

VictoriaMetrics sees a series for five minutes after its last sample in an instant query, but only for about two
scrapes in a range query. With a window of its own a selector means in both what it meant when the rule was evaluated.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

LOOKBACK = "5m"
_TOKEN = re.compile(
    r"""(?P<text>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`)|(?P<comment>\#[^\n]*)|(?P<name>[a-zA-Z_:][\w:]*)"""
    r"""|(?P<number>\d[\w.]*)|(?P<space>\s+)|(?P<other>.)""",
    re.DOTALL,
)
_LISTS = frozenset({"by", "without", "on", "ignoring", "group_left", "group_right"})
_WORDS = _LISTS | {"and", "or", "unless", "atan2", "bool", "offset", "inf", "nan", "start", "end"}
_AGGREGATES = frozenset({"sum", "avg", "min", "max", "count", "group", "stddev", "stdvar", "topk", "bottomk"})
_AGGREGATES |= {"quantile", "count_values", "limitk", "limit_ratio"}


@dataclass(frozen=True, slots=True)
class Selector:
    """One selector's place in the text; ``ranged``: a window or a subquery follows it."""

    name: str
    start: int
    end: int
    matchers: bool
    ranged: bool


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    start: int
    end: int


def selectors(expr: str) -> list[Selector]:
    """Every selector of an expression that parses."""
    tokens = [_Token(str(m.lastgroup), m[0], m.start(), m.end()) for m in _TOKEN.finditer(expr)]
    return list(_found([token for token in tokens if token.kind not in ("space", "comment")]))


def replaced(expr: str, change: Callable[[Selector, str], str]) -> str:
    """The expression with each selector's text put through ``change``."""
    parts, at = [], 0
    for selector in selectors(expr):
        parts += [expr[at : selector.start], change(selector, expr[selector.start : selector.end])]
        at = selector.end
    return "".join([*parts, expr[at:]])


def with_lookback(expr: str) -> str:
    """The expression with a window behind every plain selector, for VictoriaMetrics."""
    return replaced(expr, lambda selector, text: text if selector.ranged else f"{text}[{LOOKBACK}]")


def with_recorded(expr: str, recorded: Mapping[str, str]) -> str:
    """The expression with the names of recording rules replaced by what they record, where that can be said."""

    def change(selector: Selector, text: str) -> str:
        plain = not selector.ranged and not selector.matchers
        return f"({recorded[selector.name]})" if plain and selector.name in recorded else text

    return replaced(expr, change)


def _found(tokens: list[_Token]) -> Iterator[Selector]:
    at = 0
    while at < len(tokens):
        token = tokens[at]
        follows = tokens[at + 1].text if at + 1 < len(tokens) else ""
        if token.text == "[" or (token.kind == "name" and token.text.lower() in _LISTS and follows == "("):
            at = _closed(tokens, at if token.text == "[" else at + 1)
        elif token.text == "{" or (token.kind == "name" and _is_metric(token.text, follows)):
            selector, at = _selector(tokens, at)
            yield selector
        else:
            at += 1


def _is_metric(name: str, follows: str) -> bool:
    word = name.lower()
    aggregate = word in _AGGREGATES and follows.lower() in _LISTS
    return follows != "(" and word not in _WORDS and not aggregate


def _selector(tokens: list[_Token], at: int) -> tuple[Selector, int]:
    first = tokens[at]
    name = first.text if first.kind == "name" else ""
    after = at + 1 if name else at
    matchers = after < len(tokens) and tokens[after].text == "{"
    after = _closed(tokens, after) if matchers else after
    ranged = after < len(tokens) and tokens[after].text == "["
    return Selector(name, first.start, tokens[after - 1].end, matchers, ranged), after


def _closed(tokens: list[_Token], at: int) -> int:
    """The place after the bracket that closes the one at this place."""
    closing = {"(": ")", "[": "]", "{": "}"}[tokens[at].text]
    return next((i + 1 for i in range(at, len(tokens)) if tokens[i].text == closing), len(tokens))
