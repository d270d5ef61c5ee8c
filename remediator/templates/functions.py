"""What can be called in a template: Go's own functions and Prometheus' (2.42), with the types of their arguments."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import quote_plus, urlsplit

from remediator.templates import builtins, humanize, regexps, sprintf
from remediator.templates.builtins import CallFailed
from remediator.templates.conversion import number
from remediator.templates.values import Arguments, Html, Row, Value

# Types of parameters by Go's names; "any" takes what there is, nil too.
ANY, STRING, RESULT, ROW = "any", "string", "template.queryResult", "*template.sample"

QueryFunction = Callable[[str], Sequence[tuple[Mapping[str, str], float]]]


class QueryFailed(CallFailed):
    """The store could not answer a template's query."""


def _no_store(expression: str) -> Sequence[tuple[Mapping[str, str], float]]:
    raise QueryFailed(f"no store to ask for {expression}")


@dataclass(frozen=True, slots=True)
class Outside:
    """What a text may name beside its sample.

    ``query`` gives an instant query's elements, labels with ``__name__`` and value; it raises QueryFailed.
    """

    query: QueryFunction = _no_store
    external_labels: Mapping[str, str] = field(default_factory=dict)
    external_url: str = ""


NOWHERE = Outside()


@dataclass(frozen=True, slots=True)
class Function:
    """``call`` takes the arguments, after an Outside where it ``looks_outside``; ``rest`` is a variadic's type."""

    call: Callable[..., Value]
    params: tuple[str, ...] = ()
    rest: str = ""
    looks_outside: bool = False

    def type_of(self, position: int) -> str:
        """The type of the argument at that position."""
        return self.params[position] if position < len(self.params) else self.rest

    def fits(self, count: int) -> bool:
        """Whether it can be called with so many arguments."""
        return count >= len(self.params) if self.rest else count == len(self.params)

    def wanted(self) -> str:
        """How many arguments it takes, in Go's words."""
        return f"at least {len(self.params)}" if self.rest else str(len(self.params))


def _numeric(call: Callable[[float], Value]) -> Function:
    return Function(lambda value: call(number(value)), (ANY,))


def _query(outside: Outside, expression: str) -> list[Row]:
    return [Row(dict(labels), value) for labels, value in outside.query(expression)]


def _given(row: Row | None) -> Row:
    if row is None:
        raise CallFailed("runtime error: invalid memory address or nil pointer dereference")
    return row


def _first(rows: list[Row] | None) -> Row:
    if not rows:
        raise CallFailed("first() called on vector with no elements")
    return rows[0]


def _arguments(*values: Value) -> Arguments:
    return Arguments({f"arg{index}": value for index, value in enumerate(values)})


def _title(text: str) -> str:
    """The first letter of each word in upper case."""
    return re.sub(r"(?<!\w)[^\W\d_]", lambda found: found[0].upper(), text)


def _each(change: Callable[[str], str], text: str) -> str:
    """Character by character, as Go does it: a letter whose other case takes two stays."""
    return "".join(changed if len(changed := change(character)) == 1 else character for character in text)


def _host_and_port(address: str) -> tuple[str, str] | None:
    """``host:port`` and ``[host]:port`` taken apart; None for what is neither."""
    found = re.fullmatch(r"(?:\[([^\[\]]*)\]|([^:\[\]]*)):([^:\[\]]*)", address)
    return (found[1] or found[2] or "", found[3]) if found else None


def _strip_port(address: str) -> str:
    split = _host_and_port(address)
    return split[0] if split else address


def _strip_domain(address: str) -> str:
    host, port = _host_and_port(address) or (address, "")
    if _is_address(host):
        return address
    name = host.split(".")[0]
    return f"{name}:{port}" if port else name


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return "%" not in host


_DURATION = re.compile(r"(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?", re.ASCII)
_SECONDS = (31536000, 604800, 86400, 3600, 60, 1, 0.001)


def _parse_duration(text: str) -> float:
    """Seconds of a duration as Prometheus writes it: 1h30m is 5400."""
    if text in ("", "0"):
        if text:
            return 0.0
        raise CallFailed("empty duration string")
    found = _DURATION.fullmatch(text)
    if not found:
        raise CallFailed(f"not a valid duration string: {sprintf.quote(text)}")
    return float(sum(int(part) * unit for part, unit in zip(found.groups(), _SECONDS, strict=True) if part))


def _link(tab: int) -> Function:
    return Function(lambda expression: f"/graph?g0.expr={quote_plus(expression, safe='~')}&g0.tab={tab}", (STRING,))


def _sorted_by(label: str, rows: list[Row] | None) -> list[Row]:
    return sorted(rows or [], key=lambda row: row.Labels.get(label, "").encode())


_GO: dict[str, Function] = {
    # Those two decide while their arguments are evaluated: run.py knows them by name.
    "and": Function(lambda *values: values[-1], (ANY,), rest=ANY),
    "or": Function(lambda *values: values[-1], (ANY,), rest=ANY),
    "not": Function(builtins.negation, (ANY,)),
    "eq": Function(builtins.equal, (ANY,), rest=ANY),
    "ne": Function(builtins.unequal, (ANY, ANY)),
    "lt": Function(builtins.less, (ANY, ANY)),
    "le": Function(builtins.less_or_equal, (ANY, ANY)),
    "gt": Function(builtins.greater, (ANY, ANY)),
    "ge": Function(builtins.greater_or_equal, (ANY, ANY)),
    "len": Function(builtins.length, (ANY,)),
    "index": Function(builtins.index, (ANY,), rest=ANY),
    "slice": Function(builtins.cut, (ANY,), rest=ANY),
    "print": Function(lambda *values: sprintf.sprint(values), rest=ANY),
    "println": Function(lambda *values: sprintf.sprintln(values), rest=ANY),
    "printf": Function(lambda pattern, *values: sprintf.sprintf(pattern, values), (STRING,), rest=ANY),
    "html": Function(builtins.escaped_html, rest=ANY),
    "js": Function(builtins.escaped_js, rest=ANY),
    "call": Function(builtins.no_function, (ANY,), rest=ANY),
    "urlquery": Function(builtins.escaped_query, rest=ANY),
}

_PROMETHEUS: dict[str, Function] = {
    "query": Function(_query, (STRING,), looks_outside=True),
    "first": Function(_first, (RESULT,)),
    "label": Function(lambda name, row: _given(row).Labels.get(name, ""), (STRING, ROW)),
    "value": Function(lambda row: _given(row).Value, (ROW,)),
    "strvalue": Function(lambda row: _given(row).Labels.get("__value__", ""), (ROW,)),
    "sortByLabel": Function(_sorted_by, (STRING, RESULT)),
    "args": Function(_arguments, rest=ANY),
    "humanize": _numeric(humanize.humanize),
    "humanize1024": _numeric(humanize.humanize_1024),
    "humanizeDuration": _numeric(humanize.humanize_duration),
    "humanizePercentage": _numeric(humanize.humanize_percentage),
    "humanizeTimestamp": _numeric(humanize.humanize_timestamp),
    "toTime": _numeric(humanize.to_time),
    "parseDuration": Function(_parse_duration, (STRING,)),
    "title": Function(_title, (STRING,)),
    "toUpper": Function(lambda text: _each(str.upper, text), (STRING,)),
    "toLower": Function(lambda text: _each(str.lower, text), (STRING,)),
    "match": Function(regexps.match, (STRING, STRING)),
    "reReplaceAll": Function(regexps.replace_all, (STRING, STRING, STRING)),
    "safeHtml": Function(Html, (STRING,)),
    "stripPort": Function(_strip_port, (STRING,)),
    "stripDomain": Function(_strip_domain, (STRING,)),
    "graphLink": _link(0),
    "tableLink": _link(1),
    "externalURL": Function(lambda outside: outside.external_url, looks_outside=True),
    "pathPrefix": Function(lambda outside: urlsplit(outside.external_url).path, looks_outside=True),
}

FUNCTIONS: Mapping[str, Function] = {**_GO, **_PROMETHEUS}
