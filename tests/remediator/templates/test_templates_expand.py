"""Templates as callers use them: what they read, what they ask of the store, and that nothing ever raises."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remediator.sources.fake_store import FakeStore
from remediator.sources.store import StoreError
from remediator.sources.templates import asking, expand
from remediator.templates.check import check_template
from remediator.templates.template import NOWHERE, Outside, compiled

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("plain", "plain"),
        ("{{ $labels.host }} at {{ $value }}", "h1 at 0.75"),
        ("{{$labels.host}}{{ $labels.gone }}", "h1"),
        ("{{ $value | humanizePercentage }} {{ humanizePercentage $value }}", "75% 75%"),
        ('{{ $value | printf "%.1f" }} or {{ printf "%.2f%%" $value }}', "0.8 or 0.75%"),
        ("{{ $externalURL }} {{ externalURL }} {{ pathPrefix }}", "http://p:9090/x http://p:9090/x /x"),
        ("{{ $externalLabels.site }} {{ .ExternalLabels.none }}", "north "),
    ],
)
def test_texts(text: str, said: str) -> None:
    outside = Outside(external_labels={"site": "north"}, external_url="http://p:9090/x")
    assert expand(text, {"host": "h1"}, 0.75, outside) == said


def test_query_asks_the_store_at_that_moment() -> None:
    store = FakeStore()
    store.set("load", ({"host": "h1"}, 3.0), ({"host": "h0"}, 5.0))
    store.fail("gone", StoreError("store s: cannot be reached"))
    outside = Outside(query=asking(store, NOW))
    text = '{{ range query "load" | sortByLabel "host" }}{{ .Labels.host }}={{ .Value }} {{ end }}'
    assert expand(text, {}, 0, outside) == "h0=5 h1=3 "
    assert expand('{{ query "none" | len }}', {}, 0, outside) == "0"
    assert store.asked[-1] == ("none", NOW)
    said = expand('{{ query "gone" }}', {}, 0, outside, "Down")
    assert said.startswith(
        "<error expanding template: error executing template __alert_Down: template: __alert_Down:1:"
    )
    assert said.endswith("error calling query: store s: cannot be reached>")
    assert "no store" in expand('{{ query "up" }}', {}, 0, NOWHERE)


@pytest.mark.parametrize(
    ("text", "value", "query", "labels"),
    [
        ("plain", False, False, frozenset()),
        ("{{ $labels.a }} {{ .Labels.b }}", False, False, {"a", "b"}),
        ('{{ index $labels "a" }}', False, False, None),
        ("{{ $value }}", True, False, frozenset()),
        ("{{ if gt .Value 1.0 }}x{{ end }}", True, False, frozenset()),
        ("{{ $.Value }}{{ $.Labels.c }}", True, False, {"c"}),
        ('{{ range query "up" }}{{ .Value }}{{ .Labels.a }}{{ end }}', False, True, frozenset()),
        ('{{ range query "up" }}{{ $value }}{{ end }}', True, True, frozenset()),
        ("{{ range $name, $text := $labels }}{{ $text }}{{ end }}", False, False, None),
        ("{{ . }}", True, False, None),
        (
            '{{ with printf "x{host=%q}" $labels.host | query }}{{ . | first | value }}{{ end }}',
            False,
            True,
            {"host"},
        ),
    ],
)
def test_what_a_text_reads(text: str, *, value: bool, query: bool, labels: set[str] | None) -> None:
    template = compiled(text)
    assert (template.uses_value, template.uses_query, template.labels) == (value, query, labels)


def test_a_text_is_read_once() -> None:
    assert compiled("{{ $value }}!") is compiled("{{ $value }}!")


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("{{ $labels.host }}", []),
        ("{{ $lables.host }}\n {{ humanise $value }}", [
            (1, 4, "undefined variable \"$lables\" (did you mean '$labels'?)"),
            (2, 5, "function \"humanise\" not defined (did you mean 'humanize'?)"),
        ]),
        ("ä {{ if gt $value 5 }}much{{ end }}", [
            (1, 19, "$value is a float and 5 an integer, which cannot be compared: write 5.0"),
        ]),
        ("{{ .labels.host }}", [(1, 4, "an alert has no field .labels (did you mean .Labels?)")]),
        ("{{ if $value > 5 }}x{{ end }}", [
            (1, 14, "unexpected '>' in an action: gt is a function that comes first"),
        ]),
        ("{{ $value | printf }}", []),
        ("{{ $value | label }}", [(1, 13, "wrong number of args for label: want 2 got 1")]),
        ("{{ $labels.host ", [(1, 3, "unclosed action")]),
        ("{{ if $value }}x", [(1, 4, "if has no {{end}}")]),
    ],
)  # fmt: skip
def test_faults_have_their_places(text: str, faults: list[tuple[int, int, str]]) -> None:
    assert [(fault.line, fault.column, fault.message) for fault in check_template(text)] == faults


PIECES = st.sampled_from(
    ["{{", "}}", "{{- ", " -}}", "if ", "else ", "end", "range ", "with ", "$labels", ".host", "$value", "$x", " := ",
     " | ", "(", ")", "query ", '"up"', "humanize ", "printf ", '"%d%s%v"', "index ", "eq ", "5 ", "1.5 ", "nil ",
     ".", " ", "text", "\n", "{{/* c */}}", "define ", "template ", '"t" ', "len ", "slice ", "toTime ", "first ",
     "break", "label ", "value ", "match ", "reReplaceAll ", "args ", "`(`", "'x'", "\\", ",", "=", "{{ end }}",
     "block "]
)  # fmt: skip


@given(st.lists(PIECES, max_size=40).map("".join), st.floats())
def test_no_text_raises(text: str, value: float) -> None:
    outside = Outside(query=lambda expression: [({"__name__": expression, "host": "h"}, 1.0)])
    check_template(text)
    assert isinstance(compiled(text).expand({"host": "h1"}, value, outside, "A"), str)


def test_nothing_deep_or_long_ends_the_process() -> None:
    deep = "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}"
    assert "nested" in compiled(deep).expand({}, 0)
    assert "nested" in compiled("{{ if true }}" * 5000 + "{{ end }}" * 5000).expand({}, 0)
    endless = '{{ define "t" }}{{ template "t" }}{{ end }}{{ template "t" }}'
    assert "exceeded maximum template depth" in compiled(endless).expand({}, 0)
    rows = Outside(query=lambda _: [({}, 1.0)] * 1000)
    loops = '{{ range query "x" }}{{ range query "x" }}{{ range query "x" }}0123456789{{ end }}{{ end }}{{ end }}'
    assert "longer than" in compiled(loops).expand({}, 0, rows)
