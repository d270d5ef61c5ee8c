"""The functions that Go's templates have themselves: comparison, index, length, printing, escaping."""

import html
import re
from urllib.parse import quote_plus

from remediator.templates.sprintf import sprint, sprintf
from remediator.templates.values import Data, Value, show, truth, type_name


class CallFailed(ValueError):
    """A function cannot do with its arguments what it is for."""


def negation(value: Value) -> bool:
    return not truth(value)


def equal(first: Value, *others: Value) -> bool:
    """Whether the first equals any of the others; Go compares no int with a float."""
    if not others:
        raise CallFailed("missing argument for comparison")
    return any(_equal(first, other) for other in others)


def unequal(first: Value, second: Value) -> bool:
    return not _equal(first, second)


def less(first: Value, second: Value) -> bool:
    kinds = _kind(first), _kind(second)
    if kinds[0] != kinds[1]:
        raise CallFailed("incompatible types for comparison")
    if kinds[0] not in (int, float, str):
        raise CallFailed("invalid type for comparison")
    if kinds[0] is str:
        return bool(first.encode() < second.encode())
    return bool(first < second)


def less_or_equal(first: Value, second: Value) -> bool:
    return less(first, second) or _equal(first, second)


def greater(first: Value, second: Value) -> bool:
    """As Go has it, the contrary of less or equal: NaN is greater than anything."""
    return not less_or_equal(first, second)


def greater_or_equal(first: Value, second: Value) -> bool:
    return not less(first, second)


def length(value: Value) -> int:
    """Of a text in bytes, of a map or a result in elements."""
    match value:
        case str():
            return len(value.encode())
        case dict() | list():
            return len(value)
        case None:
            raise CallFailed("reflect: call of reflect.Value.Type on zero Value")
        case _:
            raise CallFailed(f"len of type {_pointed_at(value)}")


def index(value: Value, *keys: Value) -> Value:
    """The element under each key in turn; what a map does not hold is its zero value."""
    for key in keys:
        value = _element(value, key)
    return value


def cut(value: Value, *bounds: Value) -> Value:
    """``slice``: of a text by bytes, or of a result, from and to."""
    if value is None:
        raise CallFailed("slice of untyped nil")
    if not isinstance(value, (str, list)):
        raise CallFailed(f"can't slice item of type {type_name(value)}")
    if len(bounds) > 2:
        raise CallFailed(f"too many slice indexes: {len(bounds)}")
    octets = value.encode() if isinstance(value, str) else value
    start, end = (*(_position(bound, len(octets) + 1) for bound in bounds), *(0, len(octets))[len(bounds) :])
    if start > end:
        raise CallFailed(f"invalid slice index: {start} > {end}")
    part = octets[start:end]
    return part.decode(errors="replace") if isinstance(part, bytes) else part


def escaped_html(*arguments: Value) -> str:
    text = html.escape(_text(arguments)).replace("&quot;", "&#34;").replace("&#x27;", "&#39;")
    return text.replace("\0", "\ufffd")


def escaped_js(*arguments: Value) -> str:
    return re.sub(
        r"[\\'\"<>&=\x00-\x1f]", lambda found: _JS.get(found[0], f"\\u{ord(found[0]):04X}"), _text(arguments)
    )


def escaped_query(*arguments: Value) -> str:
    return quote_plus(_text(arguments), safe="~")


_JS = {"\\": "\\\\", "'": "\\'", '"': '\\"', "<": "\\u003C", ">": "\\u003E", "&": "\\u0026", "=": "\\u003D"}


def no_function(value: Value, *_: Value) -> Value:
    """``call`` calls functions that the data hold; an alert holds none."""
    raise CallFailed(f"non-function {show(value)} of type {type_name(value)}")


def _text(arguments: tuple[Value, ...]) -> str:
    only = arguments[0] if len(arguments) == 1 else None
    return (
        only if isinstance(only, str) else sprint(["<no value>" if value is None else value for value in arguments])
    )


def _kind(value: Value) -> type | None:
    kind = _basic(value)
    if kind is None:
        raise CallFailed("invalid type for comparison")
    return kind


def _equal(first: Value, second: Value) -> bool:
    if first is None or second is None:
        return first is second
    kinds = _basic(first), _basic(second)
    if kinds[0] is not kinds[1]:
        raise CallFailed("incompatible types for comparison")
    if kinds[0] is None and (isinstance(first, _UNCOMPARABLE) or isinstance(second, _UNCOMPARABLE)):
        raise CallFailed(_uncomparable(first, second))
    return bool(first == second)


_UNCOMPARABLE = (dict, list, Data)


def _uncomparable(first: Value, second: Value) -> str:
    kind, other = type_name(first), type_name(second)
    shown = sprintf("%s", [first])
    if kind == other:
        return f"non-comparable type {shown}: {kind}"
    return f"non-comparable types {shown}: {kind}, {other}: {show(second)}"


def _basic(value: Value) -> type | None:
    """The kind that Go compares: of its own for each kind of number, none for what is made of parts."""
    return next((kind for kind in (bool, int, float, str) if isinstance(value, kind)), None)


def _element(value: Value, key: Value) -> Value:
    match value:
        case None:
            raise CallFailed("index of untyped nil")
        case dict():
            if not isinstance(key, str):
                raise CallFailed(f"value has type {type_name(key)}; should be string")
            return value.get(key, "" if type(value) is dict else None)
        case str() | list():
            parts = value.encode() if isinstance(value, str) else value
            place = _position(key, len(parts) + 1)
            if place == len(parts):
                raise CallFailed(f"reflect: {'string' if isinstance(value, str) else 'slice'} index out of range")
            return parts[place]
        case _:
            raise CallFailed(f"can't index item of type {_pointed_at(value)}")


def _pointed_at(value: Value) -> str:
    return type_name(value).removeprefix("*")


def _position(key: Value, end: int) -> int:
    if key is None:
        raise CallFailed("cannot index slice/array with nil")
    if not isinstance(key, int) or isinstance(key, bool):
        raise CallFailed(f"cannot index slice/array with type {type_name(key)}")
    if not 0 <= key < end:
        raise CallFailed(f"index out of range: {key}")
    return key
