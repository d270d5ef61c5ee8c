"""What is wrong with an alert's text: all of it at once, with its places, before anything is expanded."""

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches

from remediator.templates.functions import FUNCTIONS
from remediator.templates.lex import BadSyntax
from remediator.templates.nodes import Command, Field, Identifier, Literal, Operand, Pipe, Variable
from remediator.templates.reads import pipes, walk
from remediator.templates.template import compiled

_COMPARISONS = frozenset({"eq", "ne", "lt", "le", "gt", "ge"})
_DATA = ("Labels", "Value", "ExternalLabels", "ExternalURL")
# $labels, $value and their kind.
_PARTS = ("$labels", "$value", "$externalLabels", "$externalURL")


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault and its place within the text, both counted from 1."""

    line: int
    column: int
    message: str


def check_template(text: str) -> tuple[Fault, ...]:
    """Everything wrong with the text: syntax, names that nobody defined, calls that can only fail."""
    template = compiled(text)
    tree = template.tree
    faults = [BadSyntax(fault.pos, _explained(str(fault))) for fault in tree.faults]
    for body in (tree.body, *tree.defined.values()):
        for pipe, data in pipes(body):
            faults += _calls(pipe, data=data)
    return tuple(_placed(text, fault) for fault in sorted(faults, key=lambda fault: fault.pos))


def _placed(text: str, fault: BadSyntax) -> Fault:
    line = text.count("\n", 0, fault.pos)
    return Fault(line + 1, fault.pos - text.rfind("\n", 0, fault.pos), str(fault))


def _explained(message: str) -> str:
    """The fault with the name that was probably meant."""
    words = message.split('"')
    known = (
        tuple(FUNCTIONS) if message.startswith("function ") else _PARTS if message.startswith("undefined ") else ()
    )
    close = get_close_matches(words[1], set(known) - {words[1]}, n=1) if known else []
    return f"{message} (did you mean {close[0]!r}?)" if close else message


def _calls(pipe: Pipe, *, data: bool) -> Iterator[BadSyntax]:
    for part, own in walk(pipe, data=data):
        match part:
            case Pipe():
                for place, command in enumerate(part.commands):
                    yield from _call(command, piped=bool(place))
            case Field(names=(name, *others)) if own and name not in _DATA:
                # Go's place for .a.b is that of .b.
                yield BadSyntax(part.pos - (len(name) + 1 if others else 0), _no_field(name))
            case _:
                continue


def _no_field(name: str) -> str:
    close = get_close_matches(name, _DATA, n=1, cutoff=0.5)
    return f"an alert has no field .{name}{f' (did you mean .{close[0]}?)' if close else ''}"


def _call(command: Command, *, piped: bool) -> Iterator[BadSyntax]:
    first, given = command.args[0], command.args[1:]
    if not isinstance(first, Identifier) or first.name not in FUNCTIONS:
        return
    function, count = FUNCTIONS[first.name], len(given) + piped
    if not function.fits(count):
        yield BadSyntax(first.pos, f"wrong number of args for {first}: want {function.wanted()} got {count}")
    if first.name in _COMPARISONS and any(_is_value(arg) for arg in given):
        whole = [arg for arg in given if isinstance(arg, Literal) and type(arg.value) is int]
        for arg in whole:
            yield BadSyntax(
                arg.pos, f"$value is a float and {arg} an integer, which cannot be compared: write {arg}.0"
            )


def _is_value(operand: Operand) -> bool:
    match operand:
        case Variable(name="$value", names=()) | Field(names=("Value",)):
            return True
        case _:
            return False
