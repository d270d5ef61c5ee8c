"""One hole of a template: a pipeline, its commands and their operands, by recursive descent."""

from collections.abc import Container, Iterator

from remediator.templates.lex import BadSyntax, Hole, Token
from remediator.templates.literals import number, unquote
from remediator.templates.nodes import (
    Chain,
    Command,
    Dot,
    Field,
    Identifier,
    Literal,
    Nil,
    Operand,
    Pipe,
    Variable,
)

# What is deeper than this was not written by a person, and would end Python's stack.
DEEPEST = 50


class HoleReader:
    """One hole's tokens, read from the left; Go ends an operand at a space, so spaces are tokens too."""

    def __init__(self, hole: Hole, functions: Container[str], scope: list[str], faults: list[BadSyntax]) -> None:
        self._tokens: Iterator[Token] = iter(hole.tokens)
        self._next = next(self._tokens)
        self._functions, self._scope, self._faults = functions, scope, faults
        self._depth = 0

    def peek(self) -> Token:
        """The next token that is no space."""
        while self._next.kind == "space":
            self._raw()
        return self._next

    def take(self) -> Token:
        self.peek()
        return self._raw()

    def close(self, where: str) -> None:
        if self.peek().kind != "close":
            raise _unexpected(self.peek(), where)

    def name(self, where: str) -> str:
        token = self.take()
        if token.kind not in ("string", "raw"):
            raise _unexpected(token, f"{where} clause")
        return unquote(token.text, token.pos)

    def pipeline(self, where: str, end: str) -> Pipe:
        """Commands up to a closing token of kind ``end``, which is taken."""
        pos = self.peek().pos
        declared, assigns = self._declarations(where)
        commands = []
        while self.peek().kind != end:
            if self._next.kind == "close":
                raise BadSyntax(pos, "unclosed left paren")
            commands.append(self._command(where))
        last = self.peek()
        if not commands:
            raise BadSyntax(last.pos, f"missing value for {where}")
        for command in commands[1:]:
            if isinstance(command.args[0], (Literal, Dot, Nil)):
                raise BadSyntax(command.pos, f"a {_kind(command.args[0])} cannot take the pipeline's value")
        if end == "right":
            self._raw()
        return Pipe(pos, tuple(commands), declared, assigns)

    def _declarations(self, where: str) -> tuple[tuple[str, ...], bool]:
        """``$x :=``, ``$x =`` or a range's ``$i, $x :=``, if the pipeline begins so."""
        if self.peek().kind != "variable":
            return (), False
        tokens = [self._next, *self._tokens]
        solid = [token for token in tokens if token.kind != "space"]
        names = [solid[0].text]
        rest = solid[1:]
        if where == "range" and rest[0].kind == "comma" and rest[1].kind == "variable":
            names.append(rest[1].text)
            rest = rest[2:]
        if rest[0].kind not in ("declare", "assign"):
            self._tokens = iter(tokens)
            self._raw()
            return (), False
        self._tokens = iter(tokens[tokens.index(rest[0]) + 1 :])
        self._raw()
        if rest[0].kind == "declare":
            self._scope += names
        return tuple(names), rest[0].kind == "assign"

    def _command(self, where: str) -> Command:
        args: list[Operand] = []
        pos = self.peek().pos
        while self.peek().kind not in ("close", "right", "pipe"):
            args.append(self._operand(where))
            if self._next.kind not in ("space", "close", "right", "pipe"):
                raise _unexpected(self._next, "operand")
        if self._next.kind == "pipe":
            self._raw()
        elif self._next.kind == "right" and not self._depth:
            raise BadSyntax(self._next.pos, "unexpected right paren")
        if not args:
            raise BadSyntax(pos, f'unexpected "|" in {where}')
        return Command(pos, tuple(args))

    def _operand(self, where: str) -> Operand:
        base = self._term(where)
        if self._next.kind != "field":
            return base
        pos, names = self._next.pos, []
        while self._next.kind == "field":
            names.append(self._raw().text[1:])
        match base:
            case Field():
                return Field(pos, (*base.names, *names))
            case Variable():
                return Variable(pos, base.name, tuple(names))
            case Literal() | Nil() | Dot():
                raise BadSyntax(pos, f"unexpected . after term {str(base)!r}")
            case _:
                return Chain(pos, base, tuple(names))

    def _term(self, where: str) -> Operand:
        token = self.take()
        match token.kind:
            case "field":
                return Field(token.pos, (token.text[1:],))
            case "variable":
                return self._variable(token)
            case "word":
                return self._word(token)
            case "left":
                return self._parenthesised()
            case "dot":
                return Dot(token.pos)
            case _:
                return _literal(token, where)

    def _parenthesised(self) -> Pipe:
        self._depth += 1
        if self._depth > DEEPEST:
            raise BadSyntax(self._next.pos, f"parentheses are nested more than {DEEPEST} deep")
        pipe = self.pipeline("parenthesized pipeline", "right")
        self._depth -= 1
        return pipe

    def _variable(self, token: Token) -> Variable:
        if token.text not in self._scope:
            self._faults.append(BadSyntax(token.pos, f'undefined variable "{token.text}"'))
        return Variable(token.pos, token.text)

    def _word(self, token: Token) -> Literal | Identifier:
        if token.text in ("true", "false"):
            return Literal(token.pos, token.text, token.text == "true")
        if token.text not in self._functions:
            self._faults.append(BadSyntax(token.pos, f'function "{token.text}" not defined'))
        return Identifier(token.pos, token.text)

    def _raw(self) -> Token:
        token = self._next
        if token.kind != "close":
            self._next = next(self._tokens)
        return token


def _literal(token: Token, where: str) -> Literal | Nil:
    match token.kind:
        case "keyword" if token.text == "nil":
            return Nil(token.pos)
        case "string" | "raw":
            return Literal(token.pos, token.text, unquote(token.text, token.pos))
        case "number" | "char":
            return Literal(token.pos, token.text, number(token.text, token.pos))
        case _:
            raise _unexpected(token, where)


def _kind(operand: Literal | Dot | Nil) -> str:
    match operand:
        case Dot():
            return "dot"
        case Nil():
            return "nil"
        case Literal(value=str()):
            return "string"
        case Literal(value=bool()):
            return "bool"
        case _:
            return "number"


def _unexpected(token: Token, where: str) -> BadSyntax:
    shown = "{{end of action}}" if token.kind == "close" else f'"{token.text}"'
    return BadSyntax(token.pos, f"unexpected {shown} in {where}")
