"""Where the caret stands: parts of an expression in its text, and characters of a text in its file."""

import pytest

from remediator.policy.presence import presence
from remediator.policy.promql.expression import is_selector, nodes, parse
from remediator.policy.promql.places import Places
from remediator.policy.promql.syntax import explained, is_metricsql
from remediator.policy.yaml.positions import parse_document
from remediator.policy.yaml.scalar_places import place_in

LONG = """max_over_time((sum by (host) (rate(a:b{x="y", z=~"1|2"}[5m:1m])))[1h:]) # above
  / on (host) quantile(0.9, c offset -5m) >= bool 1e3 atan2 {job="d"}"""


def test_every_part_is_found_where_it_stands() -> None:
    root = parse(LONG)
    places = Places(LONG, root)
    heads = [LONG[places.of(node) :].split(" ")[0] for node in nodes(root) if type(node).__name__ != "ParenExpr"]
    assert heads == [
        *("max_over_time((sum", "[1h:])", "sum", 'rate(a:b{x="y",', "[5m:1m])))[1h:])", 'a:b{x="y",', "/"),
        *("quantile(0.9,", "0.9,", "c", ">=", "1e3", "atan2", '{job="d"}'),
    ]


def test_matchers_windows_and_listed_labels_have_places_of_their_own() -> None:
    text = 'sum by (host, rack) (increase(up{job="a",job="b",env!="c"}[5m])) > 0'
    root = parse(text)
    places = Places(text, root)
    selector = next(node for node in nodes(root) if is_selector(node))
    aggregate = next(node for node in nodes(root) if type(node).__name__ == "AggregateExpr")
    assert text[places.matcher(selector, "job", 1) :].startswith('job="b"')
    assert text[places.matcher(selector, "env") :].startswith("env!=")
    assert text[places.window(selector) :].startswith("[5m]")
    assert text[places.listed(aggregate, "rack") :].startswith("rack)")


@pytest.mark.parametrize(
    "yaml",
    [
        "expr: a > bad\n",
        "expr: 'a > bad'\n",
        'expr: "a\\t\\x20 > bad"\n',
        "expr: |\n  a\n    > bad\n",
        "expr: |2\n    a\n    > bad\n",
        "expr: >-\n  a\n  > bad\n",
        "expr: >\n  a\n\n  > bad\n",
        "expr: a\n  > bad\n",
        "expr: 'a ''b''\n  > bad'\n",
        'expr: "a \\\n  > bad"\n',
    ],
)
def test_a_character_is_found_however_the_text_is_written(yaml: str) -> None:
    document = parse_document(yaml, "f.yml")
    place = place_in(document, ("expr",), document.value["expr"].index("bad"))
    assert yaml.splitlines()[place.line - 1][place.column - 1 :].startswith("bad")


def test_presence_counts_what_is_read_and_nothing_else() -> None:
    assert presence('sum(rate(a{x="y\\"z"}[5m])) / on (h) b > 0.5 and a') == (
        'count(present_over_time(a{x="y\\"z"}[5m])) or count(b) or count(a)'
    )
    assert presence("vector(1) > 0") == ""
    parse(presence("max_over_time((sum(x offset 1h))[5m:1m]) > 1"))


@pytest.mark.parametrize(
    ("text", "said", "culprit"),
    [
        ("a > > 3", "invalid promql query", "> 3"),
        ("foo bar", "invalid promql query", "bar"),
        ("sum(a)) > 3", "unexpected right parenthesis ')'", ") > 3"),
        ('x{a=~"("}', "illegal regex for (", '"("'),
        ("up >", "invalid promql query", ">"),
    ],
)
def test_the_parser_tells_no_places_and_we_do(text: str, said: str, culprit: str) -> None:
    assert text[explained(text, said)[0] :].startswith(culprit)


def test_metricsql_is_known_by_its_words_but_not_within_texts() -> None:
    assert is_metricsql("rate(x[5m]) default 0") == (12, "default")
    assert is_metricsql("x[5i]") == (2, "5i")
    assert is_metricsql('x{y="a if b"} )') is None
    assert is_metricsql("rate(x[5m]) > 0") is None
