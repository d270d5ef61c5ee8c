"""A template's tokens as a tree: by recursive descent, and all faults at once, for each hole is read by itself."""

from collections.abc import Container
from dataclasses import dataclass, field

from remediator.templates.lex import BadSyntax, Hole, Plain, Token, pieces
from remediator.templates.nodes import Action, Body, Branch, Call, Jump, Node, Pipe, Text
from remediator.templates.pipeline import DEEPEST, HoleReader

BRANCHES = frozenset({"if", "with", "range"})
# Prometheus declares these before every text of an alert.
GIVEN = ("$", "$labels", "$externalLabels", "$externalURL", "$value")


@dataclass(slots=True)
class Tree:
    """The parsed text: its body, the templates it defines, and what is wrong with it, by place."""

    body: Body = ()
    defined: dict[str, Body] = field(default_factory=dict)
    faults: list[BadSyntax] = field(default_factory=list)


@dataclass(slots=True)
class _Open:
    """A block that has no end yet."""

    word: str
    pos: int
    pipe: Pipe | None
    scope: int
    name: str = ""
    chained: bool = False
    outer: tuple[str, ...] = ()
    then: list[Node] = field(default_factory=list)
    otherwise: list[Node] | None = None

    def add(self, node: Node) -> None:
        (self.then if self.otherwise is None else self.otherwise).append(node)


def parse(text: str, functions: Container[str]) -> Tree:
    """The tree of a text; where ``faults`` is not empty, it is not to be run."""
    return _Parser(functions).read(text)


class _Parser:
    def __init__(self, functions: Container[str]) -> None:
        self._functions = functions
        self._tree = Tree()
        self._scope = list(GIVEN)
        self._blocks = [_Open("", 0, None, 0)]

    def read(self, text: str) -> Tree:
        for piece in pieces(text):
            match piece:
                case Plain():
                    if piece.text:
                        self._blocks[-1].add(Text(piece.pos, piece.text))
                case Hole():
                    self._hole(piece)
        for block in self._blocks[1:]:
            self._tree.faults.append(BadSyntax(block.pos, f"{block.word} has no {{{{end}}}}"))
        self._tree.body = tuple(self._blocks[0].then)
        self._tree.faults.sort(key=lambda fault: fault.pos)
        return self._tree

    def _hole(self, hole: Hole) -> None:
        word = next((token.text for token in hole.tokens if token.kind != "space"), "")
        depth = len(self._blocks)
        try:
            if hole.error:
                raise hole.error
            self._statement(HoleReader(hole, self._functions, self._scope, self._tree.faults))
        except BadSyntax as fault:
            self._tree.faults.append(fault)
            # The block was opened all the same: its end is no second fault.
            if word in BRANCHES | {"define", "block"} and len(self._blocks) == depth <= DEEPEST:
                self._blocks.append(_Open(word, hole.pos, None, len(self._scope)))

    def _statement(self, hole: HoleReader) -> None:
        first = hole.peek()
        match first.text if first.kind == "keyword" else "":
            case "if" | "with" | "range" as word:
                self._branch(hole, word)
            case "else":
                self._else(hole)
            case "end":
                hole.take()
                hole.close("end")
                self._end(first)
            case "define" | "block" as word:
                self._define(hole, word)
            case "template":
                self._blocks[-1].add(self._call(hole))
            case "break" | "continue" as word:
                hole.take()
                hole.close(word)
                self._jump(Jump(first.pos, word))
            case _:
                self._blocks[-1].add(Action(first.pos, hole.pipeline("command", "close")))

    def _branch(self, hole: HoleReader, word: str, *, chained: bool = False) -> None:
        if len(self._blocks) > DEEPEST:
            raise BadSyntax(hole.peek().pos, f"blocks are nested more than {DEEPEST} deep")
        scope = len(self._scope)
        pos = hole.take().pos
        pipe = hole.pipeline(word, "close")
        self._blocks.append(_Open(word, pos, pipe, scope, chained=chained))

    def _else(self, hole: HoleReader) -> None:
        token, block = hole.take(), self._blocks[-1]
        if block.word not in BRANCHES or block.otherwise is not None:
            raise BadSyntax(token.pos, "unexpected {{else}}")
        block.otherwise = []
        if block.word == "if" and hole.peek().text == "if":
            self._branch(hole, "if", chained=True)
        else:
            hole.close("else")

    def _end(self, token: Token) -> None:
        if len(self._blocks) == 1:
            raise BadSyntax(token.pos, "unexpected {{end}}")
        block = self._blocks.pop()
        del self._scope[block.scope :]
        if block.word in ("define", "block"):
            self._scope[:] = block.outer
            self._tree.defined[block.name] = tuple(block.then)
            if block.pipe:
                self._blocks[-1].add(Call(block.pos, block.name, block.pipe))
            return
        pipe = block.pipe or Pipe(block.pos, ())
        self._blocks[-1].add(Branch(block.pos, block.word, pipe, tuple(block.then), tuple(block.otherwise or ())))
        if block.chained:
            self._end(token)

    def _define(self, hole: HoleReader, word: str) -> None:
        token = hole.take()
        if word == "define" and len(self._blocks) > 1:
            raise BadSyntax(token.pos, "unexpected {{define}}")
        name, outer = hole.name(word), tuple(self._scope)
        pipe = hole.pipeline(word, "close") if word == "block" else None
        if word == "define":
            hole.close(word)
        # What is defined is a template of its own: it knows nothing of the variables around it.
        self._scope[:] = ["$"]
        self._blocks.append(_Open(word, token.pos, pipe, 1, name, outer=outer))

    def _call(self, hole: HoleReader) -> Call:
        hole.take()
        pos = hole.peek().pos
        name = hole.name("template")
        return Call(pos, name, None if hole.peek().kind == "close" else hole.pipeline("template", "close"))

    def _jump(self, jump: Jump) -> None:
        if all(block.word != "range" for block in self._blocks):
            raise BadSyntax(jump.pos, f"{{{{{jump.word}}}}} outside {{{{range}}}}")
        self._blocks[-1].add(jump)
