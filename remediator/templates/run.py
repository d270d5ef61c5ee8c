"""A parsed template at work: Go's rules of evaluation, and its words where they are broken."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from remediator.templates.builtins import CallFailed
from remediator.templates.functions import ANY, FUNCTIONS, Function, Outside
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
    Jump,
    Literal,
    Nil,
    Operand,
    Pipe,
    Quoted,
    Text,
    Variable,
)
from remediator.templates.values import Moment, Value, fields, show, truth, type_name

# Templates that call each other deeper than this call themselves.
_DEEPEST = 50
# No alert's text is longer; a template that writes more has lost its way.
_LONGEST = 1_000_000
_MOMENTS: Mapping[str, Callable[[Moment], Value]] = {
    "Year": lambda moment: moment.at.year,
    "Month": lambda moment: f"{moment.at:%B}",
    "Day": lambda moment: moment.at.day,
    "Hour": lambda moment: moment.at.hour,
    "Minute": lambda moment: moment.at.minute,
    "Second": lambda moment: moment.at.second,
    "Weekday": lambda moment: f"{moment.at:%A}",
    "YearDay": lambda moment: moment.at.timetuple().tm_yday,
    "Unix": lambda moment: moment.milliseconds // 1000,
    "UnixMilli": lambda moment: moment.milliseconds,
    "UTC": lambda moment: moment,
    "String": str,
}


class Failed(ValueError):
    """The template cannot go on; where that is, the run knows."""


class _Leaving(Exception):
    """A range's break or continue on its way."""

    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.word = word


_MISSING = object()


@dataclass(slots=True)
class Run:
    """One expansion: what is written so far, and the variables in scope, the innermost last.

    ``at`` is the node that was looked at last, which is what Go names in errors; ``name`` is the template's.
    """

    defined: Mapping[str, Body]
    outside: Outside
    variables: list[tuple[str, Value]]
    written: list[str] = field(default_factory=list)
    depth: int = 0
    size: int = 0
    name: str = ""
    at: Quoted = field(default_factory=lambda: Dot(0))

    def body(self, nodes: Body, dot: Value) -> None:
        for node in nodes:
            match node:
                case Text():
                    self._write(node.text)
                case Action():
                    value = self._pipe(node.pipe, dot)
                    if not node.pipe.declared:
                        self._write(
                            value if isinstance(value, str) else "<no value>" if value is None else show(value)
                        )
                case Branch():
                    self._scoped(node, dot)
                case Call():
                    self._call_template(node, dot)
                case Jump():
                    raise _Leaving(node.word)

    def _write(self, text: str) -> None:
        self.size += len(text)
        if self.size > _LONGEST:
            raise Failed(f"the text is longer than {_LONGEST} characters")
        self.written.append(text)

    def _scoped(self, node: Branch, dot: Value) -> None:
        mark = len(self.variables)
        value = self._pipe(node.pipe, dot)
        if node.word == "range":
            self._range(node, dot, value)
        elif truth(value):
            self.body(node.then, value if node.word == "with" else dot)
        else:
            self.body(node.otherwise, dot)
        del self.variables[mark:]

    def _range(self, node: Branch, dot: Value, value: Value) -> None:
        pairs = _pairs(value)
        if not pairs:
            self.body(node.otherwise, dot)
        mark = len(self.variables)
        for pair in pairs:
            self._name(node.pipe, pair)
            try:
                self.body(node.then, pair[1])
            except _Leaving as leaving:
                if leaving.word == "break":
                    break
            finally:
                del self.variables[mark:]

    def _name(self, pipe: Pipe, pair: tuple[Value, Value]) -> None:
        """A range's one variable is the element, of two the first is its key."""
        for name, value in zip(pipe.declared, pair[-len(pipe.declared) :] if pipe.declared else (), strict=True):
            self._declare(name, value, assigns=pipe.assigns)

    def _call_template(self, node: Call, dot: Value) -> None:
        self.at = node
        body = self.defined.get(node.name)
        if body is None:
            raise Failed(f'template "{node.name}" not defined')
        if self.depth >= _DEEPEST:
            raise Failed(f"exceeded maximum template depth ({_DEEPEST})")
        value = self._pipe(node.pipe, dot) if node.pipe else None
        outer, self.variables = (self.variables, self.name), [("$", value)]
        self.depth, self.name = self.depth + 1, node.name
        self.body(body, value)
        self.depth -= 1
        # Not in a finally: where an error ends it, the name is that of the template that failed.
        self.variables, self.name = outer

    def _declare(self, name: str, value: Value, *, assigns: bool) -> None:
        if not assigns:
            self.variables.append((name, value))
            return
        places = [place for place, (known, _) in enumerate(self.variables) if known == name]
        if places:
            self.variables[places[-1]] = (name, value)

    def _pipe(self, pipe: Pipe, dot: Value) -> Value:
        self.at, value = pipe, _MISSING
        for command in pipe.commands:
            value = self._command(command, dot, value)
        for name in pipe.declared:
            self._declare(name, value, assigns=pipe.assigns)
        return value

    def _command(self, command: Command, dot: Value, final: Value) -> Value:
        first = command.args[0]
        extra = len(command.args) > 1 or final is not _MISSING
        self.at = self.at if isinstance(first, Pipe) else first
        match first:
            case Identifier():
                return self._function(command, first, dot, final)
            case Field() | Variable() | Chain():
                arguments = [self._operand(arg, dot) for arg in command.args[1:]] if extra else []
                return self._path(first, dot, [*arguments, *([] if final is _MISSING else [final])], extra=extra)
            case Nil():
                raise Failed("nil is not a command")
            case _ if extra:
                raise Failed(f"can't give argument to non-function {first}")
            case _:
                return self._operand(first, dot)

    def _operand(self, operand: Operand, dot: Value) -> Value:
        self.at = operand
        match operand:
            case Dot():
                return dot
            case Nil():
                return None
            case Literal():
                return operand.value
            case Pipe():
                return self._pipe(operand, dot)
            case Identifier():
                return self._function(Command(operand.pos, (operand,)), operand, dot, _MISSING)
            case _:
                return self._path(operand, dot, [], extra=False)

    def _path(self, node: Field | Variable | Chain, dot: Value, arguments: list[Value], *, extra: bool) -> Value:
        """The value under the names; arguments are for a method, which can only be the last of them."""
        self.at = node
        match node:
            case Field():
                value = dot
            case Variable():
                value = self._variable(node)
            case Chain():
                value = self._operand(node.base, dot)
        if extra and not node.names:
            raise Failed(f"can't give argument to non-function {node}")
        for name in node.names[:-1]:
            value = _field(value, name, [], extra=False)
        return _field(value, node.names[-1], arguments, extra=extra) if node.names else value

    def _variable(self, node: Variable) -> Value:
        for name, value in reversed(self.variables):
            if name == node.name:
                return value
        # It was declared in a branch that was not taken.
        raise Failed(f"undefined variable: {node.name}")

    def _function(self, command: Command, named: Identifier, dot: Value, final: Value) -> Value:
        self.at = named
        function, given = FUNCTIONS[named.name], command.args[1:]
        count = len(given) + (final is not _MISSING)
        if not function.fits(count):
            raise Failed(f"wrong number of args for {named}: want {function.wanted()} got {count}")
        if named.name in ("and", "or"):
            return self._short(named.name, given, dot, final)
        values = [self._argument(arg, dot, function.type_of(place)) for place, arg in enumerate(given)]
        if final is not _MISSING:
            _check(final, function.type_of(count - 1))
            values.append(final)
        return self._called(command, named, function, values)

    def _short(self, name: str, given: tuple[Operand, ...], dot: Value, final: Value) -> Value:
        """``and`` and ``or`` evaluate no further than they must."""
        value: Value = None
        for arg in given:
            value = self._operand(arg, dot)
            if truth(value) == (name == "or"):
                return value
        return value if final is _MISSING else final

    def _argument(self, arg: Operand, dot: Value, wanted: str) -> Value:
        self.at = arg
        if wanted != ANY and isinstance(arg, (Literal, Nil)):
            _check_literal(arg, wanted)
        value = self._operand(arg, dot)
        _check(value, wanted)
        return value

    def _called(self, command: Command, named: Identifier, function: Function, values: list[Value]) -> Value:
        try:
            return function.call(self.outside, *values) if function.looks_outside else function.call(*values)
        except (CallFailed, ArithmeticError, ValueError) as error:
            self.at = command
            raise Failed(f"error calling {named}: {error}") from None


def _pairs(value: Value) -> list[tuple[Value, Value]]:
    """Keys and elements of what a range goes over, a map's in the order of its keys."""
    match value:
        case dict():
            return [(key, value[key]) for key in sorted(value)]
        case list():
            return list(enumerate(value))
        case None:
            return []
        case _:
            raise Failed(f"range can't iterate over {show(value)}")


def _check_literal(arg: Literal | Nil, wanted: str) -> None:
    match arg:
        case Nil():
            if wanted == "string":
                raise Failed(f"cannot assign nil to {wanted}")
        case Literal(value=str()) if wanted == "string":
            return
        case _ if wanted == "string":
            raise Failed(f"expected string; found {arg}")
        case _:
            raise Failed(f"can't handle {arg} for arg of type {wanted}")


def _check(value: Value, wanted: str) -> None:
    if wanted == ANY:
        return
    if value is None and wanted == "string":
        raise Failed(f"invalid value; expected {wanted}")
    if value is not None and type_name(value) != wanted:
        raise Failed(f"wrong type for value; expected {wanted}; got {type_name(value)}")


def _field(value: Value, name: str, arguments: list[Value], *, extra: bool) -> Value:
    if isinstance(value, Moment):
        return _method(value, name, arguments)
    if isinstance(value, dict):
        if extra:
            raise Failed(f"{name} is not a method but has arguments")
        return value.get(name, "" if type(value) is dict else None)
    if value is None:
        return None
    if name not in fields(value):
        raise Failed(f"can't evaluate field {name} in type {type_name(value)}")
    if extra:
        raise Failed(f"{name} has arguments but cannot be invoked as function")
    return getattr(value, name)


def _method(moment: Moment, name: str, arguments: list[Value]) -> Value:
    if name == "Format" and len(arguments) == 1 and isinstance(arguments[0], str):
        return moment.written(arguments[0])
    method = _MOMENTS.get(name)
    if method is None or arguments:
        raise Failed(f"can't evaluate field {name} in type {type_name(moment)}")
    return method(moment)
