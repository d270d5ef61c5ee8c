"""Matchers as the stores apply them."""

import re

import promql_parser as ql


def matches(matcher: ql.Matcher, value: str) -> bool:
    """Whether a label with that value passes; expressions are anchored at both ends."""
    if matcher.op in (ql.MatchOp.Equal, ql.MatchOp.NotEqual):
        return bool((matcher.value == value) == (matcher.op == ql.MatchOp.Equal))
    try:
        found = re.fullmatch(matcher.value, value) is not None
    except re.error:
        # RE2 knows a few things that this library does not: then nothing can be told, and it may match.
        return True
    return bool(found == (matcher.op == ql.MatchOp.Re))
