"""What is wrong with an expression that does not parse, and where: the parser says little, and never the place."""

import re
from collections.abc import Callable, Iterator
from itertools import pairwise

from remediator.policy.problems import did_you_mean
from remediator.policy.promql.tokens import OPERATORS, Role, Word, words

_AGGREGATES = "sum avg min max count count_values group stddev stdvar quantile topk bottomk limitk limit_ratio"
_FUNCTIONS = """
abs absent absent_over_time acos asin atan avg_over_time ceil changes clamp clamp_max clamp_min cos count_over_time
day_of_month day_of_week days_in_month delta deriv exp floor histogram_quantile holt_winters hour idelta increase
irate label_join label_replace last_over_time ln log10 log2 max_over_time min_over_time minute month pi predict_linear
present_over_time quantile_over_time rate resets round scalar sgn sin sort sort_desc sqrt stddev_over_time
stdvar_over_time sum_over_time tan time timestamp vector year
"""
_METRICSQL = re.compile(
    r"\b(?:(default|if|ifnot|keep_metric_names|limit)\b(?!\s*[{(=])|(WITH)\s*\(|"
    r"(any|median|mode|outliersk|share|sum2|geomean|union|alias|label_\w+|range_\w+|running_\w+|rollup\w*|"
    r"\w+_over_time|increase_pure|lag|lifetime|scrape_interval|histogram_\w+|zscore\w*|remove_resets|"
    r"interpolate|keep_last_value|keep_next_value|smooth_exponential|buckets_limit|now|start|end|step)\s*\()"
)
_SPAN = re.compile(r"\b\d+(?:\.\d+)?i\b")
_QUOTED = re.compile(r"'([^']+)'")


def is_metricsql(text: str) -> tuple[int, str] | None:
    """The place and the word that only MetricsQL has, in an expression that is no PromQL."""
    for match in _METRICSQL.finditer(text):
        word = next(group for group in match.groups() if group)
        if word not in _FUNCTIONS.split() and not _in_text(text, match.start()):
            return match.start(), word
    span = _SPAN.search(text)
    return (span.start(), span[0]) if span else None


def explained(text: str, said: str) -> tuple[int, str]:
    """The place of the fault as near as can be told, and words for it."""
    found, quoted = words(text), _QUOTED.search(said)
    name = quoted[1] if quoted else ""
    for begins, place, better in _FAULTS:
        if begins in said:
            return place(found, name), better.format(said=said, name=name, meant=_meant(name))
    broken = next(_broken(found), None)
    return (broken.at, f"{broken.text!r} is not expected here") if broken else (0, said)


def _in_text(text: str, at: int) -> bool:
    return any(word.at < at < word.at + len(word.text) and word.text[0] in "\"'`" for word in words(text))


def _place(found: list[Word], name: str) -> int:
    return next((word.at for word in found if word.text == name), 0)


def _operator(found: list[Word], name: str) -> int:  # noqa: ARG001 - one of several ways to find a place
    return next((word.at for word in found if word.role is Role.OPERATOR), 0)


def _bad_regex(found: list[Word], name: str) -> int:  # noqa: ARG001
    for word in found:
        if word.role is Role.VALUE:
            try:
                re.compile(word.text[1:-1])
            except re.error:
                return word.at
    return 0


def _unclosed(found: list[Word], name: str) -> int:  # noqa: ARG001
    opened: list[Word] = []
    for word in found:
        if word.text in ("(", "{", "["):
            opened.append(word)
        elif word.text in (")", "}", "]"):
            del opened[-1:]
    return opened[-1].at if opened else 0


def _unopened(found: list[Word], name: str) -> int:  # noqa: ARG001
    depth = 0
    for word in found:
        depth += (word.text in ("(", "{", "[")) - (word.text in (")", "}", "]"))
        if depth < 0:
            return word.at
    return 0


def _broken(found: list[Word]) -> Iterator[Word]:
    """Words that cannot follow the one before: two operands side by side, an operator without its side."""
    operands = (Role.SELECTOR, Role.NUMBER, Role.CALL)
    for before, word in pairwise(found):
        named = before.role in (Role.SELECTOR, Role.NUMBER) and before.text != "{"
        ends = named or before.text in (")", "}", "]")
        if ends and word.role in operands and word.text != "{" and before.role is not Role.LABEL:
            yield word
        if before.role is Role.OPERATOR and word.text in (OPERATORS | {")"}) - {"+", "-"}:
            yield word
    if found and (found[-1].text in OPERATORS or found[-1].role is Role.OPERATOR):
        yield found[-1]


def _meant(name: str) -> str:
    return did_you_mean(name, f"{_FUNCTIONS} {_AGGREGATES}".split())


# What the parser says, where that is in the text, and words that say what to do.
_FAULTS: tuple[tuple[str, Callable[[list[Word], str], int], str], ...] = (
    ("unknown function", _place, "unknown function {name!r}{meant}"),
    ("expected type matrix in call", _place, "{name}() needs a window: write it out, for example {name}(x[5m])"),
    ("in call to function", _place, "{said}"),
    ("illegal regex", _bad_regex, "{said}"),
    ("unclosed", _unclosed, "{said}"),
    ("unexpected end of input", _unclosed, "{said}"),
    ("unexpected right", _unopened, "{said}"),
    ("BOOL modifier", _operator, "{said}: compare a series, or write 'bool'"),
    ("expected string", _place, 'what a label is compared with wants quotes: "{name}"'),
)
