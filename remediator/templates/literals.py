"""Numbers, characters and strings as Go writes them."""

import re

from remediator.templates.lex import BadSyntax

_ESCAPE = re.compile(r"\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{3}|.)", re.DOTALL)
_SIMPLE = {
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
    "\\": "\\",
    "'": "'",
    '"': '"',
}
_FLOAT = re.compile(r"[+-]?(?:[\d_]+\.[\d_]*(?:[eE][+-]?\d+)?|\.[\d_]+(?:[eE][+-]?\d+)?|[\d_]+[eE][+-]?\d+)")
_HEX_FLOAT = re.compile(r"[+-]?0[xX][0-9a-fA-F]+\.?[0-9a-fA-F]*[pP][+-]?\d+")


def number(words: str, pos: int) -> int | float:
    """An int or a float, by Go's rule: what has a point or an exponent is a float.

    Raises BadSyntax for what is no number.
    """
    if words[0] == "'":
        return _character(words, pos)
    try:
        if _HEX_FLOAT.fullmatch(words):
            return float.fromhex(words)
        return float(words) if _FLOAT.fullmatch(words) else int(words, _base(words))
    except ValueError:
        raise BadSyntax(pos, f'bad number syntax: "{words}"') from None


def unquote(quoted: str, pos: int) -> str:
    """The text that a quoted string stands for. Raises BadSyntax for an escape that Go does not know."""
    if quoted[0] == "`":
        return quoted[1:-1].replace("\r", "")
    return _ESCAPE.sub(lambda found: _escape(found[0], pos), quoted[1:-1])


def _base(words: str) -> int:
    digits = words.lstrip("+-")
    octal = len(digits) > 1 and digits[0] == "0" and digits[1:].isdigit()
    return 8 if octal else 0


def _character(words: str, pos: int) -> int:
    text = unquote(words, pos)
    if len(text) != 1:
        raise BadSyntax(pos, f"malformed character constant: {words}")
    return ord(text)


def _escape(escape: str, pos: int) -> str:
    kind, rest = escape[1], escape[2:]
    if kind in "xuU" and rest:
        code = int(rest, 16)
    elif kind.isdigit() and len(rest) == 2:
        code = int(escape[1:], 8)
    elif kind in _SIMPLE:
        return _SIMPLE[kind]
    else:
        raise BadSyntax(pos, f"unknown escape sequence {escape}")
    if code > 0x10FFFF:
        raise BadSyntax(pos, f"escape sequence {escape} is no character")
    return chr(code)
