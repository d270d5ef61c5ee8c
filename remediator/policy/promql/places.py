"""Where a part of an expression stands in its text: parts and words of one kind come in the same order."""

import promql_parser as ql

from remediator.policy.promql.expression import is_selector, nodes, subqueries
from remediator.policy.promql.tokens import Role, Word, words


class Places:
    """Places in one expression, worked out only when something is said about it; all are offsets from its start."""

    def __init__(self, text: str, root: ql.Expr) -> None:
        self._words = words(text)
        self._heads: dict[int, int] = {}
        parts = list(nodes(root))
        self._pair([part for part in parts if is_selector(part)], Role.SELECTOR)
        self._pair([part for part in parts if isinstance(part, ql.AggregateExpr | ql.Call)], Role.CALL)
        self._pair([part for part in parts if isinstance(part, ql.BinaryExpr)], Role.OPERATOR)
        self._pair([part for part in parts if isinstance(part, ql.NumberLiteral)], Role.NUMBER)
        self._pair(list(subqueries(root)), Role.SUBQUERY)

    def of(self, node: ql.Expr) -> int:
        """The name, function or operator that the part is known by; 0 where that cannot be told."""
        while isinstance(node, ql.ParenExpr | ql.UnaryExpr):
            node = node.expr
        index = self._heads.get(id(node))
        return 0 if index is None else self._words[index].at

    def matcher(self, node: ql.Expr, label: str, turn: int = 0) -> int:
        """The label's name within the selector's braces, where it stands for the ``turn``-th time, from 0."""
        found = [word.at for word in self._braces(node) if word.role is Role.MATCHER and word.text == label]
        return found[turn] if turn < len(found) else self.of(node)

    def window(self, node: ql.Expr) -> int:
        """The bracket behind a range selector."""
        bracket = next((word.at for word in self._after(node, Role.SELECTOR) if word.role is Role.WINDOW), None)
        return self.of(node) if bracket is None else bracket

    def listed(self, node: ql.Expr, label: str) -> int:
        """The label in the list of an aggregation or a match: ``by (host)``, ``on (host)``."""
        index = self._heads.get(id(node))
        if index is None:
            return 0
        found = (word.at for word in self._words[index:] if word.role is Role.LABEL and word.text == label)
        return next(found, self._words[index].at)

    def _braces(self, node: ql.Expr) -> list[Word]:
        behind = self._after(node, Role.SELECTOR)
        end = next((index for index, word in enumerate(behind) if word.text == "}"), 0)
        return behind[:end]

    def _pair(self, parts: list[ql.Expr], role: Role) -> None:
        places = [index for index, word in enumerate(self._words) if word.role is role]
        # Texts that the lexer reads otherwise than the parser get no place, rather than a wrong one.
        if len(places) == len(parts):
            self._heads.update((id(part), index) for part, index in zip(parts, places, strict=True))

    def _after(self, node: ql.Expr, stop: Role) -> list[Word]:
        """The words from the part's head to the next head of the kind."""
        index = self._heads.get(id(node))
        if index is None:
            return []
        rest = self._words[index:]
        end = next((at for at, word in enumerate(rest[1:], 1) if word.role is stop), len(rest))
        return rest[:end]
