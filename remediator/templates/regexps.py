"""Go's regular expressions (RE2) with Python's: the same language but for a few spellings."""

import re
from functools import lru_cache

from remediator.templates.builtins import CallFailed

_POSIX = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "ascii": r"\x00-\x7f",
    "blank": r"\t ",
    "cntrl": r"\x00-\x1f\x7f",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": r"!-/:-@\[-`{-~",
    "space": r"\t\n\v\f\r ",
    "upper": "A-Z",
    "word": "0-9A-Za-z_",
    "xdigit": "0-9A-Fa-f",
}
# An escape, a class with what is in it, or an end: what has to be told apart before anything is rewritten.
_PARTS = re.compile(
    r"\\Q(?P<quoted>.*?)(?:\\E|$)|\\(?P<escaped>.)|\[:(?P<posix>\w+):\]|(?P<open>\[\^?\]?)|(?P<close>\])|(?P<end>\$)|\(\?<(?P<name>\w+)>",
    re.DOTALL,
)
_REFERENCE = re.compile(r"\$(?:\$|\{(?P<braced>\w+)\}|(?P<bare>\w+))", re.ASCII)


def match(pattern: str, text: str) -> bool:
    """Whether the pattern is found anywhere in the text. Raises CallFailed."""
    return _compiled(pattern).search(text) is not None


def replace_all(pattern: str, replacement: str, text: str) -> str:
    """The text with each match replaced; ``$1`` and ``${name}`` in the replacement are groups. Raises CallFailed."""
    return _compiled(pattern).sub(lambda found: _filled(found, replacement), text)


@lru_cache(maxsize=1000)
def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(_as_python(pattern), re.ASCII)
    except (re.error, RecursionError, OverflowError) as error:
        raise CallFailed(f"error parsing regexp: {error}: `{pattern}`") from None


def _as_python(pattern: str) -> str:
    """The pattern in Python's spelling: ``$`` ends the text, not the line before it; POSIX classes written out."""
    parts: list[str] = []
    at, inside = 0, False
    flags = re.match(r"\(\?([a-zA-Z]+)\)", pattern)
    lines = bool(flags and "m" in flags[1])
    for found in _PARTS.finditer(pattern):
        parts.append(pattern[at : found.start()])
        parts.append(_rewritten(found, inside=inside, lines=lines))
        inside = (inside or bool(found["open"])) and not found["close"]
        at = found.end()
    return "".join([*parts, pattern[at:]])


def _rewritten(found: re.Match[str], *, inside: bool, lines: bool) -> str:
    if found["quoted"] is not None:
        return re.escape(found["quoted"])
    if found["escaped"] == "z":
        return r"\Z"
    if found["posix"] and inside:
        return _POSIX.get(found["posix"], found[0])
    if found["end"] and not inside and not lines:
        return r"\Z"
    if found["open"] and inside:
        return "\\" + found[0]
    return f"(?P<{found['name']}>" if found["name"] and not inside else found[0]


def _filled(found: re.Match[str], replacement: str) -> str:
    def group(reference: re.Match[str]) -> str:
        name = reference["braced"] or reference["bare"]
        if name is None:
            return "$"
        key = int(name) if name.isdigit() else name
        known = key <= (found.re.groups) if isinstance(key, int) else key in found.re.groupindex
        return (found[key] or "") if known else ""

    return _REFERENCE.sub(group, replacement)
