"""A template's text as tokens, as Go's lexer cuts it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

KEYWORDS = frozenset(
    {"block", "break", "continue", "define", "else", "end", "if", "nil", "range", "template", "with"}
)

_OPEN = re.compile(r"\{\{(?P<trim>-(?=[ \t\r\n]))?")
_COMMENT = re.compile(r"\s*/\*.*?\*/(?P<trim>[ \t\r\n]+-)?\}\}", re.DOTALL)
_CLOSE = re.compile(r"(?:[ \t\r\n]+-|)\}\}")
_TOKENS = re.compile(
    r"""(?P<space>[ \t\r\n]+)
    |(?P<string>"(?:\\.|[^"\\\n])*")
    |(?P<raw>`[^`]*`)
    |(?P<char>'(?:\\[^\n]|[^'\\\n])[^'\\\n]*')
    |(?P<declare>:=)
    |(?P<assign>=)
    |(?P<pipe>\|)
    |(?P<comma>,)
    |(?P<left>\()
    |(?P<right>\))
    |(?P<number>[+-]?(?:\d|\.\d)[\w.]*(?:(?<=[eEpP])[+-]\d+)?)
    |(?P<field>\.[^\W\d]\w*)
    |(?P<dot>\.)
    |(?P<variable>\$\w*)
    |(?P<word>[^\W\d]\w*)""",
    re.VERBOSE,
)
# What a name may be followed by; anything else is a slip, such as {{ $labels-host }}.
_AFTER_NAME = re.compile(r"[\s.,|:=()]|\}\}|$")
_OPERATORS = {">": "gt", "<": "lt", "&": "and", "!": "not"}
_NAMES = frozenset({"field", "variable", "word"})


class BadSyntax(ValueError):
    """The text is no template; ``pos`` is the character where it ceases to be one."""

    def __init__(self, pos: int, message: str) -> None:
        super().__init__(message)
        self.pos = pos


@dataclass(frozen=True, slots=True)
class Token:
    kind: str
    pos: int
    text: str


@dataclass(frozen=True, slots=True)
class Hole:
    """What stands between ``{{`` and ``}}``; ``error`` where it could not be cut into tokens."""

    pos: int
    tokens: tuple[Token, ...]
    error: BadSyntax | None = None


@dataclass(frozen=True, slots=True)
class Plain:
    pos: int
    text: str


def pieces(text: str) -> Iterator[Plain | Hole]:
    """The text's plain parts and holes in order; white space is trimmed where ``{{-`` and ``-}}`` say so."""
    at, trims = 0, False
    while opened := _OPEN.search(text, at):
        yield _plain(text, at, opened.start(), left=trims, right=bool(opened["trim"]))
        start = opened.end()
        if comment := _COMMENT.match(text, start):
            at, trims = comment.end(), bool(comment["trim"])
            continue
        hole, at, trims = _hole(text, start)
        yield hole
    yield _plain(text, at, len(text), left=trims, right=False)


def _plain(text: str, start: int, end: int, *, left: bool, right: bool) -> Plain:
    part = text[start:end]
    if right:
        part = part.rstrip(" \t\r\n")
    return Plain(start, part.lstrip(" \t\r\n") if left else part)


def _hole(text: str, start: int) -> tuple[Hole, int, bool]:
    """The hole's tokens, where the text goes on, and whether it goes on trimmed."""
    tokens: list[Token] = []
    at = start
    while at < len(text):
        if closed := _CLOSE.match(text, at):
            return Hole(start, (*tokens, Token("close", at, "}}")), None), closed.end(), len(closed[0]) > 2
        try:
            tokens.append(_token(text, at))
        except BadSyntax as error:
            end = text.find("}}", at)
            return Hole(start, tuple(tokens), error), len(text) if end < 0 else end + 2, False
        at = tokens[-1].pos + len(tokens[-1].text)
    return Hole(start, tuple(tokens), BadSyntax(start, "unclosed action")), at, False


def _token(text: str, at: int) -> Token:
    found = _TOKENS.match(text, at)
    if found is None:
        raise BadSyntax(at, _slip(text, at))
    kind, end = str(found.lastgroup), found.end()
    if kind in _NAMES and not _AFTER_NAME.match(text, end):
        raise BadSyntax(end, f"bad character {_character(text[end])}")
    if kind == "word" and found[0] in KEYWORDS:
        kind = "keyword"
    return Token(kind, at, found[0])


def _slip(text: str, at: int) -> str:
    match text[at]:
        case '"':
            return "unterminated quoted string"
        case "`":
            return "unterminated raw quoted string"
        case "'":
            return "unterminated character constant"
        case "/":
            return "unclosed comment" if text.startswith("/*", at) else "unexpected '/' in an action"
        case other if other in _OPERATORS:
            return f"unexpected {other!r} in an action: {_OPERATORS[other]} is a function that comes first"
        case other:
            return f"unrecognized character in action: {_character(other)}"


def _character(character: str) -> str:
    return f"U+{ord(character):04X} {character!r}"
