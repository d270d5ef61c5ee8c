"""Rules and data that nobody thought of: strategies for groups of rules over series with all that goes wrong."""

from dataclasses import dataclass
from datetime import timedelta

from hypothesis import strategies as st

from remediator.model.alert import Group, Rule
from tests.remediator.parity.peers import ENDED, GAP, Point, Series

STEP = timedelta(minutes=1)
SLOTS = 22
METRICS = ("m", "n")
HOSTS = ("a", "b", "c")


@dataclass(frozen=True)
class World:
    """One group of rules and the series that it reads; METRIC in texts becomes a name of this world's own."""

    rules: tuple[Rule, ...]
    series: tuple[Series, ...]

    def group(self, name: str) -> Group:
        return Group(name, "rules.yml", STEP, tuple(_named(rule, name) for rule in self.rules))

    def data(self, name: str) -> tuple[Series, ...]:
        return tuple(
            Series({**series.labels, "__name__": f"{name}_{series.labels['__name__']}"}, series.points)
            for series in self.series
        )


def _named(rule: Rule, name: str) -> Rule:
    def own(text: str) -> str:
        return text.replace("@", f"{name}_")

    return Rule(
        group=name,
        name=own(rule.name),
        expr=own(rule.expr),
        hold_for=rule.hold_for,
        keep_firing_for=rule.keep_firing_for,
        labels=rule.labels,
        annotations={key: own(text) for key, text in rule.annotations.items()},
        recording=rule.recording,
    )


_level = st.integers(0, 6).map(float)
_flap = st.lists(st.sampled_from([0.0, 0.0, 5.0]), min_size=SLOTS, max_size=SLOTS)
_constant = _level.map(lambda level: [level] * SLOTS)
_counter = st.lists(st.sampled_from([1.0, 1.0, 2.0, 30.0, -1000.0]), min_size=SLOTS, max_size=SLOTS)


def _counted(steps: list[float]) -> list[float]:
    """A counter; a step of -1000 is a reset."""
    total, found = 0.0, []
    for step in steps:
        total = 0.0 if step < 0 else total + step
        found.append(total)
    return found


@st.composite
def _points(draw: st.DrawFn) -> tuple[Point, ...]:
    """A series' course: constant, flapping, wandering or counting; with gaps, ends and NaN in it."""
    wander = st.lists(_level, min_size=SLOTS, max_size=SLOTS)
    course: list[Point] = list(draw(st.one_of(_flap, wander, _flap, _counter.map(_counted), _constant)))
    holes = draw(st.lists(st.tuples(st.integers(0, SLOTS - 1), st.integers(1, 7)), max_size=2))
    filling: Point = draw(st.sampled_from([GAP, GAP, ENDED, float("nan")]))
    for start, length in holes:
        for place in range(start, min(SLOTS, start + length)):
            # An end is one marker; what follows it is missing.
            course[place] = GAP if filling == ENDED and place > start else filling
    return tuple(course)


@st.composite
def _series(draw: st.DrawFn) -> tuple[Series, ...]:
    found = []
    for metric in METRICS:
        for host in draw(st.sets(st.sampled_from(HOSTS), min_size=1)):
            labels = {"__name__": metric, "h": host, "r": "x" if host < "c" else "y"}
            found.append(Series(labels, draw(_points())))
    return tuple(sorted(found, key=lambda series: series.name))


# What rules are made of; the live run draws from it too.
VECTORS = (
    "@m", "@n", "sum by (h) (@m)", "max by (r) (@n)", "avg without (h) (@m)", "count by (r) (@n)", "@m - on (h) @n",
    "@m * on (h) group_left (r) @n", "@m / on (h, r) @n", "rate(@m[3m]) * 60", "increase(@n[2m])", "delta(@m[4m])",
    "changes(@m[5m])", "avg_over_time(@n[3m])", "max_over_time(@m[2m])", "min_over_time(@n[4m])", "resets(@m[10m])",
    "@m offset 2m", "sum(@m)", "topk(9, @n)", "abs(@m - 3)", "@m + @n", "quantile by (r) (0.5, @m)", "-@m",
    "label_replace(@m, 'z', '$1-z', 'h', '(.*)')", "max_over_time(@m[3m:1m])", "@n or @m", "stddev by (r) (@n)",
    "vector(time() / 60 % 7)", "timestamp(@m) / 60 % 5",
)  # fmt: skip
THRESHOLDS = ("> 0", "> 2", ">= 3", "< 3", "== 5", "<= 1", "> 4.5", "!= 3", "< bool 3")
_compared = st.builds("({}) {}".format, st.sampled_from(VECTORS), st.sampled_from(THRESHOLDS))
WHOLES = (
    "absent(@m)", "absent(@n{h='c', r='y'})", "@m > 2 unless on (h) @n > 2", "@m > 1 and on (h) @n < 4",
    "@m > 4 or @n > 4", "absent_over_time(@m{h='b'}[3m])", "@m > on (h) @n", "count(@m > 2) > 1",
    "@n == 5 or vector(1)",
)  # fmt: skip
RECORDED = ("@rec > 2", "@rec offset 1m < 3", "sum_over_time(@rec[3m]) >= 6", "@rec == @rec")
RECORDS = ("sum by (h) (@m)", "@m", "@n > 2", "max by (h, r) (@n + @m)")
HOLDS, KEPT = (0, 0, 60, 90, 120, 180, 300), (0, 0, 0, 60, 100, 120, 240)
LABELS = {
    "severity": ("page", "{{ if $labels.h }}page{{ else }}ticket{{ end }}"),
    "of": ("{{ $labels.h }}", "{{ $labels.r }}-{{ .Labels.h }}", "{{ $labels.none }}"),
    "title": ("{{ $labels.h | toUpper }}", "{{ range $labels }}{{ . }}{{ end }}"),
}
_span = st.sampled_from(HOLDS).map(lambda seconds: timedelta(seconds=seconds))
_kept = st.sampled_from(KEPT).map(lambda seconds: timedelta(seconds=seconds))
_labels = st.fixed_dictionaries({}, optional={name: st.sampled_from(texts) for name, texts in LABELS.items()})
_annotations = st.fixed_dictionaries(
    {"value": st.sampled_from(["{{ $value }}", "{{ $value | humanize }}", '{{ printf "%.3f" $value }}', "{{ . }}"])},
    optional={
        "asked": st.sampled_from(
            ['{{ query "@m" | len }}', '{{ with query "sum(@m)" }}{{ . | first | value }}{{ else }}none{{ end }}',
             '{{ range query "@n > 2" | sortByLabel "h" }}{{ .Labels.h }}={{ .Value }} {{ end }}']
        ),
        "broken": st.just("{{ $value | first }}"),
        "much": st.just("{{ if gt $value 3.0 }}much{{ else if eq $value 3.0 }}three{{ else }}little{{ end }}"),
    },
)  # fmt: skip


@st.composite
def _rules(draw: st.DrawFn) -> tuple[Rule, ...]:
    """Alerts around one recorded series: those before it see its value of the slot before."""
    count = draw(st.integers(6, 8))
    rules = [_alert(draw, number) for number in range(count)]
    # A recorded series' labels are no templates: these braces stay.
    labels = draw(st.sampled_from([{}, {"team": "t"}, {"team": "{{ $labels.h }}"}]))
    recorded = draw(st.sampled_from(RECORDS))
    record = Rule("", "@rec", recorded, labels=labels, recording=True)
    rules.insert(draw(st.integers(0, count)), record)
    return tuple(rules)


def _alert(draw: st.DrawFn, number: int) -> Rule:
    return Rule(
        group="",
        name=f"@A{number}",
        expr=draw(st.one_of(_compared, _compared, st.sampled_from(WHOLES), st.sampled_from(RECORDED))),
        hold_for=draw(_span),
        keep_firing_for=draw(_kept),
        labels=draw(_labels),
        annotations=draw(_annotations),
    )


worlds = st.builds(World, _rules(), _series())
