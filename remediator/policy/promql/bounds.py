"""How long and how deep an expression may be: the PromQL parser recurses, and would take the process with it."""

import re

LONGEST, DEEPEST, MOST_OPERATORS = 10_000, 60, 200
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'|`[^`]*`|#[^\n]*')
_OPERATOR = re.compile(r"[-+*/%^]|[=!<>]=|[<>]|\b(?:and|or|unless|atan2)\b", re.IGNORECASE)
_BRACKET = re.compile(r"[][(){}]")


def bounded_expression(text: str) -> str:
    """The expression itself.

    Raises:
        ValueError: it is longer, deeper or has more operators than any rule needs.
    """
    if len(text) > LONGEST:
        raise ValueError(f"has {len(text)} characters, and at most {LONGEST} are read; record parts of it as series")
    # Most expressions are short: too short to be too deep.
    if len(text) > 2 * DEEPEST:
        bare = _STRING.sub(" ", text)
        if _depth(bare) > DEEPEST:
            raise ValueError(f"its brackets are nested deeper than {DEEPEST} levels; record parts of it as series")
        if len(_OPERATOR.findall(bare)) > MOST_OPERATORS:
            raise ValueError(f"has more than {MOST_OPERATORS} operators; record parts of it as series")
    return text


def _depth(bare: str) -> int:
    depth = deepest = 0
    for bracket in _BRACKET.findall(bare):
        depth += 1 if bracket in "([{" else -1
        deepest = max(deepest, depth)
    return deepest
