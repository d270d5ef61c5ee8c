"""Which labels an expression's result can carry."""

import pytest

from remediator.policy.promql.expression import BadExpression, parse
from remediator.policy.promql.labels import output_labels


@pytest.mark.parametrize(
    ("expression", "has", "lacks"),
    [
        ("up", {"host", "any"}, set()),
        ("sum by (host) (up)", {"host"}, {"region"}),
        ("sum(up)", set(), {"host"}),
        ("sum without (rack) (up)", {"host"}, {"rack"}),
        ("sum by (host) (sum by (region) (up))", set(), {"host", "region"}),
        ("sum by (host, region) (a) / on (host) sum by (host) (b)", {"host"}, {"region"}),
        ("a / ignoring (rack) b", {"host"}, {"rack"}),
        ("a * on (host) group_left (role) sum by (host, role) (b)", {"host", "role", "any"}, set()),
        ("sum by (host) (a) and on (host) b", {"host"}, {"region"}),
        ("sum by (host) (a) or sum by (region) (b)", {"host", "region"}, {"rack"}),
        ("sum by (host) (a) > 0.5", {"host"}, {"region"}),
        ("1 - avg by (region) (rate(a[5m]))", {"region"}, {"host"}),
        ('absent(up{job="x", host=~".+"})', {"job"}, {"host"}),
        ("vector(1)", set(), {"host"}),
        ("topk(3, sum by (host) (a))", {"host"}, {"region"}),
        ('label_replace(sum(a), "host", "$1", "x", "(.*)")', {"host"}, {"region"}),
        ('count_values by (region) ("version", a)', {"region", "version"}, {"host"}),
        ("histogram_quantile(0.9, sum by (le, host) (rate(a[1m])))", {"host"}, {"le"}),
        ("-(sum by (host) (a))", {"host"}, {"region"}),
        ("max_over_time((sum by (host) (a))[5m:1m])", {"host"}, {"region"}),
    ],
)
def test_labels_of_a_result(expression: str, has: set[str], lacks: set[str]) -> None:
    labels = output_labels(parse(expression))
    assert {label for label in has if not labels.may_have(label)} == set()
    assert {label for label in lacks if labels.may_have(label)} == set()


@pytest.mark.parametrize("expression", ["sum by (", "rate(up)", "up >", ""])
def test_what_does_not_parse_is_said_in_one_line(expression: str) -> None:
    with pytest.raises(BadExpression) as caught:
        parse(expression)
    assert "\n" not in str(caught.value)
