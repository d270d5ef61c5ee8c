"""Which labels the elements of an expression's result can carry."""

from dataclasses import dataclass

import promql_parser as ql

from remediator.policy.promql.expression import SCALARS, SETS, children, is_number, is_selector, selector_of


@dataclass(frozen=True, slots=True)
class Labels:
    """What is known of a result's labels: when ``exact``, ``names`` are all; else anything but ``dropped``."""

    exact: bool
    names: frozenset[str] = frozenset()
    dropped: frozenset[str] = frozenset()

    def may_have(self, label: str) -> bool:
        return label in self.names or not (self.exact or label in self.dropped)

    def only(self, names: frozenset[str]) -> "Labels":
        return Labels(exact=True, names=frozenset(name for name in names if self.may_have(name)))

    def without(self, names: frozenset[str]) -> "Labels":
        return Labels(
            exact=self.exact, names=self.names - names, dropped=self.dropped | (frozenset() if self.exact else names)
        )

    def plus(self, names: frozenset[str]) -> "Labels":
        return Labels(exact=self.exact, names=self.names | names, dropped=self.dropped - names)


ANYTHING = Labels(exact=False)
NOTHING = Labels(exact=True)
Known = dict[int, Labels]


def output_labels(node: ql.Expr, known: Known | None = None) -> Labels:
    """Which labels the elements of the expression's result can carry.

    ``known`` keeps what was found for each part, by its identity: so a tree is worked through once.
    """
    known = {} if known is None else known
    found = known.get(id(node))
    if found is None:
        known[id(node)] = found = _found(node, known)
    return found


def _found(node: ql.Expr, known: Known) -> Labels:
    match node:
        case ql.VectorSelector() | ql.MatrixSelector():
            return ANYTHING
        case ql.BinaryExpr():
            return _joined(node, known)
        case ql.AggregateExpr():
            return _aggregated(node, known)
        case ql.Call():
            return _called(node, known)
        case ql.ParenExpr() | ql.UnaryExpr() | ql.SubqueryExpr():
            return output_labels(node.expr, known)
        case _:
            return NOTHING


def _aggregated(node: ql.AggregateExpr, known: Known) -> Labels:
    inner, operator = output_labels(node.expr, known), str(node.op)
    if operator in ("topk", "bottomk", "limitk", "limit_ratio"):
        return inner
    names = frozenset(node.modifier.labels) if node.modifier else frozenset()
    if node.modifier and node.modifier.type == ql.AggModifierType.Without:
        result = inner.without(names)
    else:
        result = inner.only(names)
    if operator == "count_values" and isinstance(node.param, ql.StringLiteral):
        return result.plus(frozenset({node.param.val}))
    return result


def _joined(node: ql.BinaryExpr, known: Known) -> Labels:
    left, right = output_labels(node.lhs, known), output_labels(node.rhs, known)
    operator = str(node.op)
    if operator in SETS:
        return _either(left, right) if operator == "or" else left
    if is_number(node.lhs):
        return right
    if is_number(node.rhs):
        return left
    return _matched(node, left, right)


def _either(left: Labels, right: Labels) -> Labels:
    """Of ``a or b`` an element may come from either side: a label may be there if one side may have it."""
    if left.exact and right.exact:
        return Labels(exact=True, names=left.names | right.names)
    open_sides = [side for side in (left, right) if not side.exact]
    dropped = frozenset.intersection(*(side.dropped for side in open_sides))
    return Labels(exact=False, names=left.names | right.names, dropped=dropped - left.names - right.names)


def _matched(node: ql.BinaryExpr, left: Labels, right: Labels) -> Labels:
    modifier = node.modifier
    if modifier is None:
        return left
    card = modifier.card
    groups = frozenset(modifier.group_labels or ())
    if card == ql.VectorMatchCardinality.ManyToOne:
        return left.plus(frozenset(name for name in groups if right.may_have(name)))
    if card == ql.VectorMatchCardinality.OneToMany:
        return right.plus(frozenset(name for name in groups if left.may_have(name)))
    if modifier.matching is None:
        return left
    names = frozenset(modifier.matching.labels)
    included = modifier.matching.type == ql.LabelModifierType.Include
    return left.only(names) if included else left.without(names)


def _called(node: ql.Call, known: Known) -> Labels:
    name, args = node.func.name, node.args
    if name in SCALARS:
        return NOTHING
    if name in ("absent", "absent_over_time"):
        return _asked_for(args[0])
    vectors = [arg for arg in args if not is_number(arg) and not isinstance(arg, ql.StringLiteral)]
    inner = output_labels(vectors[0], known) if vectors else NOTHING
    if name in ("label_replace", "label_join") and isinstance(args[1], ql.StringLiteral):
        return inner.plus(frozenset({args[1].val}))
    return inner.without(frozenset({"le"})) if name == "histogram_quantile" else inner


def _asked_for(node: ql.Expr) -> Labels:
    """``absent`` echoes the equality matchers of a plain selector, and nothing else."""
    if isinstance(node, ql.ParenExpr):
        return _asked_for(node.expr)
    if not is_selector(node):
        return NOTHING
    equal = (m.name for m in selector_of(node).matchers.matchers if m.op == ql.MatchOp.Equal)
    return Labels(exact=True, names=frozenset(equal) - {"__name__"})


def loser(node: ql.Expr, label: str) -> ql.Expr:
    """The innermost part of an expression without the label that has lost it: what is beneath still had it."""
    for part in children(node):
        if not is_number(part) and not isinstance(part, ql.StringLiteral) and not output_labels(part).may_have(label):
            return loser(part, label)
    return node
