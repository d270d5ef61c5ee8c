"""What a template is made of; ``str()`` of a node is how Go quotes it in errors, ``pos`` its place in the text."""

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Text:
    pos: int
    text: str


@dataclass(frozen=True, slots=True)
class Dot:
    pos: int

    def __str__(self) -> str:
        return "."


@dataclass(frozen=True, slots=True)
class Nil:
    pos: int

    def __str__(self) -> str:
        return "nil"


@dataclass(frozen=True, slots=True)
class Literal:
    """A bool, a number or a string, with the words that wrote it."""

    pos: int
    words: str
    value: bool | int | float | str

    def __str__(self) -> str:
        return self.words


@dataclass(frozen=True, slots=True)
class Field:
    """``.Labels.host``: names looked up in dot."""

    pos: int
    names: tuple[str, ...]

    def __str__(self) -> str:
        return "".join(f".{name}" for name in self.names)


@dataclass(frozen=True, slots=True)
class Variable:
    """``$labels.host``: the variable's name with its dollar, and names looked up in its value."""

    pos: int
    name: str
    names: tuple[str, ...] = ()

    def __str__(self) -> str:
        return ".".join((self.name, *self.names))


@dataclass(frozen=True, slots=True)
class Identifier:
    """A function's name."""

    pos: int
    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Chain:
    """``(toTime $value).Year``: names looked up in what the parentheses give."""

    pos: int
    base: "Operand"
    names: tuple[str, ...]

    def __str__(self) -> str:
        base = f"({self.base})" if isinstance(self.base, Pipe) else str(self.base)
        return base + "".join(f".{name}" for name in self.names)


@dataclass(frozen=True, slots=True)
class Command:
    """Operands beside each other: a function and its arguments, or one value."""

    pos: int
    args: tuple["Operand", ...]

    def __str__(self) -> str:
        return " ".join(f"({arg})" if isinstance(arg, Pipe) else str(arg) for arg in self.args)


@dataclass(frozen=True, slots=True)
class Pipe:
    """Commands whose results are handed on; ``declared`` variables take the last one."""

    pos: int
    commands: tuple[Command, ...]
    declared: tuple[str, ...] = ()
    assigns: bool = False

    def __str__(self) -> str:
        names = f"{', '.join(self.declared)} {'=' if self.assigns else ':='} " if self.declared else ""
        return names + " | ".join(str(command) for command in self.commands)


@dataclass(frozen=True, slots=True)
class Action:
    pos: int
    pipe: Pipe


@dataclass(frozen=True, slots=True)
class Branch:
    """``if``, ``with`` or ``range``."""

    pos: int
    word: str
    pipe: Pipe
    then: "Body"
    otherwise: "Body"


@dataclass(frozen=True, slots=True)
class Jump:
    """``break`` or ``continue``."""

    pos: int
    word: str


@dataclass(frozen=True, slots=True)
class Call:
    """``{{ template "name" pipe }}``."""

    pos: int
    name: str
    pipe: Pipe | None

    def __str__(self) -> str:
        return f'{{{{template "{self.name}"{f" {self.pipe}" if self.pipe else ""}}}}}'


Operand: TypeAlias = Dot | Nil | Literal | Field | Variable | Identifier | Chain | Pipe
Node: TypeAlias = Text | Action | Branch | Jump | Call
Body: TypeAlias = tuple[Node, ...]
Quoted: TypeAlias = Operand | Command | Call
