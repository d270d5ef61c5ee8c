"""A text of an alert, read once and filled in many times."""

from collections.abc import Callable, Mapping
from functools import lru_cache

from remediator.templates import humanize
from remediator.templates.functions import FUNCTIONS, NOWHERE, Outside
from remediator.templates.nodes import Action, Command, Field, Identifier, Literal, Operand, Pipe, Text, Variable
from remediator.templates.parse import GIVEN, Tree, parse
from remediator.templates.reads import reads
from remediator.templates.run import Failed, Run
from remediator.templates.sprintf import sprintf
from remediator.templates.values import Data, go_float

__all__ = ["NOWHERE", "Outside", "Template", "compiled"]

Filler = Callable[[Mapping[str, str], float], str]

# What Prometheus puts before each text; only its length shows, in the places that errors name.
_PREAMBLE = len(
    "{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}{{$externalURL := .ExternalURL}}{{$value := .Value}}"
)
_NUMBERS: Mapping[str, Callable[[float], str]] = {
    "humanize": humanize.humanize,
    "humanize1024": humanize.humanize_1024,
    "humanizeDuration": humanize.humanize_duration,
    "humanizePercentage": humanize.humanize_percentage,
}


class Template:
    """A text with holes; ``expand`` never raises."""

    __slots__ = ("_parts", "_reads", "_tree", "plain", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.plain = "{{" not in text
        self._tree = Tree() if self.plain else parse(text, FUNCTIONS)
        self._reads = reads(self._tree)
        self._parts = None if self.plain else _fillers(self._tree)

    @property
    def uses_value(self) -> bool:
        """Whether the text may change with the value alone."""
        return self._reads.value

    @property
    def uses_query(self) -> bool:
        """Whether it asks the store: then ``expand`` blocks, and gives another text another time."""
        return self._reads.query

    @property
    def labels(self) -> frozenset[str] | None:
        """The labels that it reads; None where it may read any."""
        return self._reads.labels

    @property
    def tree(self) -> Tree:
        """The text's tree, with its faults, for who checks it."""
        return self._tree

    def expand(self, labels: Mapping[str, str], value: float, outside: Outside = NOWHERE, name: str = "") -> str:
        """The text for one sample, whose labels may hold ``__name__``; an alert's ``name`` shows in errors only."""
        if self.plain:
            return self.text
        if self._parts is not None:
            return "".join([part(labels, value) for part in self._parts])
        return self._run(labels, value, outside, f"__alert_{name}")

    def _run(self, labels: Mapping[str, str], value: float, outside: Outside, name: str) -> str:
        if self._tree.faults:
            fault = self._tree.faults[0]
            line = self.text.count("\n", 0, fault.pos) + 1
            return _failed(f"error parsing template {name}: template: {name}:{line}: {fault}")
        data = Data(dict(labels), dict(outside.external_labels), outside.external_url, float(value))
        given = (data, data.Labels, data.ExternalLabels, data.ExternalURL, data.Value)
        run = Run(self._tree.defined, outside, list(zip(GIVEN, given, strict=True)), name=name)
        try:
            run.body(self._tree.body, data)
        except Failed as failure:
            place = f'{name}:{self._place(run.at.pos)}: executing "{run.name}" at <{run.at}>'
            return _failed(f"error executing template {name}: template: {place}: {failure}")
        return "".join(run.written)

    def _place(self, pos: int) -> str:
        """Line and byte, as Go counts them behind Prometheus' preamble."""
        line, start = self.text.count("\n", 0, pos), self.text.rfind("\n", 0, pos) + 1
        return f"{line + 1}:{len(self.text[start:pos].encode()) + (0 if line else _PREAMBLE)}"


@lru_cache(maxsize=50_000)
def compiled(text: str) -> Template:
    """The template of a text, made once."""
    return Template(text)


def _failed(message: str) -> str:
    return f"<error expanding template: {message}>"


def _fillers(tree: Tree) -> tuple[Filler, ...] | None:
    """The quick way for texts of labels and numbers alone, which most are; None where it takes a run."""
    parts: list[Filler] = []
    for node in tree.body:
        part = _constant(node.text) if isinstance(node, Text) else None
        if isinstance(node, Action):
            part = _filler(node.pipe)
        if part is None:
            return None
        parts.append(part)
    return None if tree.faults else tuple(parts)


def _constant(text: str) -> Filler:
    return lambda _labels, _value: text


def _filler(pipe: Pipe) -> Filler | None:
    """One hole of the forms ``$labels.x``, ``$value``, ``$value | f`` and ``f $value``."""
    words = tuple(arg for command in pipe.commands for arg in command.args)
    if pipe.declared or len(pipe.commands) > 2:
        return None
    match words:
        case (only,) if _is_value(only):
            return lambda _, value: go_float(value)
        case (Variable(name="$labels", names=(label,)) | Field(names=("Labels", label)),):
            return _label(label)
        case _:
            return _number(pipe.commands)


def _number(commands: tuple[Command, ...]) -> Filler | None:
    match [command.args for command in commands]:
        case [(operand,), (Identifier(name=name), *literals)] if _is_value(operand):
            return _called(name, literals)
        case [(Identifier(name=name), *literals, operand)] if _is_value(operand):
            return _called(name, literals)
        case _:
            return None


def _called(name: str, literals: list[Operand]) -> Filler | None:
    match literals:
        case []:
            function = _NUMBERS.get(name)
            return None if function is None else lambda _, value: function(float(value))
        case [Literal(value=str(pattern))] if name == "printf":
            return lambda _, value: sprintf(pattern, (float(value),))
        case _:
            return None


def _label(name: str) -> Filler:
    return lambda labels, _: labels.get(name, "")


def _is_value(operand: Operand) -> bool:
    match operand:
        case Variable(name="$value", names=()) | Field(names=("Value",)):
            return True
        case _:
            return False
