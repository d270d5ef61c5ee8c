"""What of an alert a template reads: its value, its labels, the store."""

from collections.abc import Iterator
from dataclasses import dataclass

from remediator.templates.nodes import (
    Action,
    Body,
    Branch,
    Call,
    Chain,
    Command,
    Dot,
    Field,
    Identifier,
    Literal,
    Operand,
    Pipe,
    Variable,
)
from remediator.templates.parse import Tree


@dataclass(frozen=True, slots=True)
class Reads:
    """``labels`` is None where any label may be read."""

    value: bool = False
    query: bool = False
    labels: frozenset[str] | None = frozenset()


def reads(tree: Tree) -> Reads:
    """What the template reads; in doubt it does."""
    found = [*_body(tree.body, data=True)]
    for body in tree.defined.values():
        found += _body(body, data=True)
    labels = frozenset(name[1:] for name in found if name[0] == ".")
    anything = "all" in found or "labels" in found
    return Reads("value" in found or "all" in found, "query" in found, None if anything else labels)


def walk(operand: Operand | Command, *, data: bool) -> Iterator[tuple[Operand | Command, bool]]:
    """A pipeline's parts, itself first; the flag says whether dot is the alert's own data there."""
    yield operand, data
    match operand:
        case Pipe():
            for command in operand.commands:
                yield from walk(command, data=data)
        case Command():
            for arg in operand.args:
                yield from walk(arg, data=data)
        case Chain():
            yield from walk(operand.base, data=data)
        case _:
            return


def pipes(body: Body, *, data: bool = True) -> Iterator[tuple[Pipe, bool]]:
    """Every pipeline of a body, and whether dot is the alert's own data where it stands."""
    for node in body:
        match node:
            case Action():
                yield node.pipe, data
            case Branch():
                yield node.pipe, data
                # Within a range dot is an element; with may have been handed the data itself.
                within = data if node.word == "if" else data and node.word == "with" and str(node.pipe) in (".", "$")
                yield from pipes(node.then, data=within)
                yield from pipes(node.otherwise, data=data)
            case Call(pipe=Pipe() as pipe):
                yield pipe, data
            case _:
                continue


def _body(body: Body, *, data: bool) -> Iterator[str]:
    for pipe, own in pipes(body, data=data):
        for part, own_here in walk(pipe, data=own):
            yield from _part(part, data=own_here)


def _part(part: Operand | Command, *, data: bool) -> Iterator[str]:
    match part:
        case Identifier(name="query"):
            yield "query"
        case Command(
            args=(Identifier(name="index"), Variable(name="$labels", names=()), Literal(value=str(name)), *_)
        ):
            yield f".{name}"
        case Variable():
            yield from _variable(part)
        case Field() if data:
            yield from _data(part.names)
        case Dot() if data:
            yield "all"
        case _:
            return


def _variable(variable: Variable) -> Iterator[str]:
    match variable.name:
        case "$value":
            yield "value"
        case "$labels":
            yield from _labels(variable.names)
        case "$":
            yield from _data(variable.names)
        case _:
            return


def _data(names: tuple[str, ...]) -> Iterator[str]:
    match names:
        case ():
            yield "all"
        case ("Value", *_):
            yield "value"
        case ("Labels", *rest):
            yield from _labels(tuple(rest))
        case _:
            return


def _labels(names: tuple[str, ...]) -> Iterator[str]:
    yield f".{names[0]}" if names else "labels"
