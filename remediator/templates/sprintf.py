"""Go's ``Sprintf``, ``Sprint`` and ``Sprintln``."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from remediator.templates.values import Data, Row, Value, go_float, show, type_name

_VERB = re.compile(
    r"%(?P<flags>[-+# 0]*)(?P<width>\*|\d+)?(?P<precision>\.(?:\*|\d*))?(?:\[(?P<index>\d+)\])?(?P<verb>.?)",
    re.DOTALL,
)
_INTEGER_BASES = {"d": "d", "b": "b", "o": "o", "x": "x", "X": "X"}
_FLOAT_VERBS = frozenset("eEfFgGxX")
# Wider than this Go does not go either, and an alert's text is no place for it.
_WIDEST = 1000


@dataclass(frozen=True, slots=True)
class _Format:
    """One verb with its flags; ``width`` and ``precision`` are None where they are not given."""

    verb: str
    flags: str = ""
    width: int | None = None
    precision: int | None = None

    def pad(self, text: str, *, zeros: bool = False) -> str:
        if self.width is None or len(text) >= self.width:
            return text
        if "-" in self.flags:
            return text.ljust(self.width)
        return text.rjust(self.width, "0" if zeros and "0" in self.flags else " ")

    def signed(self, negative: bool, digits: str) -> str:  # noqa: FBT001 - a sign is what it is about
        sign = "-" if negative else "+" if "+" in self.flags else " " if " " in self.flags else ""
        if "0" in self.flags and "-" not in self.flags and self.width:
            digits = digits.rjust(self.width - len(sign), "0")
        return self.pad(sign + digits)


def sprintf(pattern: str, arguments: Sequence[Value]) -> str:
    """The pattern with its verbs filled in; what does not fit says so in its place, as in Go."""
    taken = _Arguments(arguments)
    text = _VERB.sub(taken.fill, pattern)
    return text + taken.extra()


def sprint(arguments: Sequence[Value]) -> str:
    """One after the other, with a space between two of which neither is a string."""
    parts: list[str] = []
    for index, argument in enumerate(arguments):
        if index and not isinstance(argument, str) and not isinstance(arguments[index - 1], str):
            parts.append(" ")
        parts.append(show(argument))
    return "".join(parts)


def sprintln(arguments: Sequence[Value]) -> str:
    """A space between any two, and a new line at the end."""
    return " ".join(show(argument) for argument in arguments) + "\n"


class _Arguments:
    """The arguments of one call, taken one after the other."""

    def __init__(self, arguments: Sequence[Value]) -> None:
        self._all, self._next, self._reordered = arguments, 0, False

    def fill(self, found: re.Match[str]) -> str:
        width = self._number(found["width"] or "")
        precision = self._number(found["precision"][1:] or "0") if found["precision"] else None
        if found["index"]:
            self._next, self._reordered = int(found["index"]) - 1, True
        verb = found["verb"]
        if not verb:
            return "%!(NOVERB)"
        if verb == "%":
            return "%"
        if not 0 <= self._next < len(self._all):
            return f"%!{verb}({'BADINDEX' if self._reordered else 'MISSING'})"
        flags = found["flags"]
        if width is not None and width < 0:
            width, flags = -width, flags + "-"
        self._next += 1
        return _format(self._all[self._next - 1], _Format(verb, flags, width, precision))

    def extra(self) -> str:
        """Go's complaint about arguments that no verb took."""
        if self._reordered or self._next >= len(self._all):
            return ""
        left = (_complaint(argument) for argument in self._all[self._next :])
        return f"%!(EXTRA {', '.join(left)})"

    def _number(self, text: str) -> int | None:
        if text != "*":
            return min(int(text), _WIDEST) if text else None
        taken = self._all[self._next] if self._next < len(self._all) else None
        self._next += 1
        return min(taken, _WIDEST) if isinstance(taken, int) else None


def _complaint(argument: Value) -> str:
    return "<nil>" if argument is None else f"{type_name(argument)}={show(argument)}"


def _format(value: Value, form: _Format) -> str:
    if form.verb == "T":
        return form.pad(type_name(value))
    match value:
        case None:
            return form.pad("<nil>") if form.verb == "v" else f"%!{form.verb}(<nil>)"
        case dict() | list() | Row() | Data():
            return show(value, lambda inner: _format(inner, form))
        case bool():
            found = show(value) if form.verb in "vt" else None
        case int():
            found = _integer(value, form)
        case float():
            return _float(value, form) if form.verb in _FLOAT_VERBS | {"v"} else _bad(value, form)
        case _:
            found = _string(str(value), form)
    return _bad(value, form) if found is None else form.pad(found, zeros=isinstance(value, str))


def _bad(value: Value, form: _Format) -> str:
    return f"%!{form.verb}({type_name(value)}={_format(value, replace(form, verb='v'))})"


def _integer(value: int, form: _Format) -> str | None:
    verb = "d" if form.verb == "v" else form.verb
    if verb in _INTEGER_BASES:
        digits = f"{abs(value):{_INTEGER_BASES[verb]}}".rjust(form.precision or 0, "0")
        prefix = {"x": "0x", "X": "0X", "o": "0", "b": "0b"}.get(verb, "") if "#" in form.flags else ""
        return form.signed(value < 0, prefix + digits)
    match verb:
        case "c":
            return chr(value)
        case "q":
            return f"'{chr(value)}'"
        case "U":
            return f"U+{value:04X}"
        case _:
            return None


def _float(value: float, form: _Format) -> str:
    negative = math.copysign(1, value) < 0
    if not math.isfinite(value):
        plain = replace(form, flags=form.flags.replace("0", ""))
        sign = "" if math.isnan(value) and not set(" +") & set(form.flags) else "-" if value < 0 else "+"
        return plain.pad(sign + ("NaN" if math.isnan(value) else "Inf"))
    verb = "g" if form.verb == "v" else form.verb
    if verb in "gG" and form.precision is None:
        digits = go_float(abs(value))
        return form.signed(negative, digits.upper() if verb == "G" else digits)
    if verb in "xX":
        mantissa, _, power = abs(value).hex().partition("p")
        digits = f"{mantissa.rstrip('0').rstrip('.') if '.' in mantissa else mantissa}p{int(power):+03d}"
        return form.signed(negative, digits.upper() if verb == "X" else digits)
    precision = 6 if form.precision is None else form.precision
    return form.signed(negative, f"{abs(value):.{precision}{verb}}")


def _string(text: str, form: _Format) -> str | None:
    cut = text if form.precision is None else text[: form.precision]
    match form.verb:
        case "s" | "v":
            return cut
        case "q":
            return quote(cut)
        case "x":
            return cut.encode().hex()
        case "X":
            return cut.encode().hex().upper()
        case _:
            return None


_QUOTED = {"\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v", "\\": "\\\\"}


def quote(text: str) -> str:
    """The text as Go's %q: in double quotes, what cannot be printed escaped."""
    return '"' + "".join(_quoted(character) for character in text) + '"'


def _quoted(character: str) -> str:
    if character == '"':
        return '\\"'
    if character in _QUOTED:
        return _QUOTED[character]
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x80 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
