"""The rules of the live run: one file that every peer loads, and one for Prometheus and us alone."""

import json
from datetime import timedelta
from pathlib import Path

from remediator.model.alert import Group, Rule
from tests.remediator.parity.live_made import Made, ours
from tests.remediator.parity.test_parity_generated import rule_text

SECOND = timedelta(seconds=1)


def _alert(name: str, expr: str, hold: int = 0, keep: int = 0, **labels: str) -> Rule:
    annotations = {"summary": "{{ $labels.host }}: {{ $value | humanize }}"}
    return Rule("", name, expr, hold * SECOND, keep * SECOND, labels, annotations)


# What lasts for seconds: two stores see it, though not in the same second.
COMMON = Group(
    "common",
    "common.yml",
    SECOND,
    (
        _alert("Flap", "flap > 0", 3, severity="page"),
        _alert("FlapNow", "flap > 0", where="{{ $labels.host }}-x"),
        _alert("Gap", "gappy > 0", 4),
        _alert("Gone", "absent(gappy{host='h1'})", 2),
        _alert("Down", "up{job='site'} == 0", 2),
        _alert("Ratio", "sum by (host) (errors) / sum by (host) (requests) > 0.5", 4),
        _alert("Alone", "flap > 0 unless on (host) gappy", 1),
        _alert("Both", "count(flap > 0) >= 2", 2),
        _alert("Sum", "sum(errors) > 15", 6),
        _alert("Always", "vector(1)", 5),
    ),
)
# What lasts for one scrape, what VictoriaMetrics sees otherwise (NaN), and what vmalert 1.79 does not know.
STRICT = Group(
    "strict",
    "strict.yml",
    SECOND,
    (
        _alert("Pulse", "pulse > 0"),
        _alert("Blink", "blink > 0", 3),
        _alert("Holey", "holey > 0", 4),
        _alert("BlinkAlone", "blink > 0 unless on (host) holey", 1),
        _alert("Blinks", "count(blink > 0) >= 2", 2),
        _alert("TwoPulses", "pulse > 0", 1),
        _alert("KeptPulse", "pulse > 0", 0, 2),
        _alert("KeptFlap", "blink > 0", 2, 5),
        _alert("Level", "level > 2", 1),
        _alert("NotALevel", "level != 1"),
        _alert("Restarted", "resets(work_total[20s]) > 0", 2),
        _alert("Busy", "rate(work_total[6s]) > 4", 3),
    ),
)
# More than two elements are an error, which clears the rule.
LIMITED = Group("limited", "strict.yml", SECOND, (_alert("Many", "many > 0", 2),), limit=2)


def write_rules(folder: Path, made: Made) -> None:
    """``common.yml`` and ``made.yml`` for everyone, ``strict.yml`` and ``made_strict.yml`` for Prometheus.

    We have the last one as ``made_ours.yml``, with names of our own for what is recorded.
    """
    files = {
        "common.yml": (COMMON,),
        "strict.yml": (STRICT, LIMITED),
        "made.yml": made.shared,
        "made_strict.yml": made.strict,
        "made_ours.yml": tuple(ours(group) for group in made.strict),
    }
    for file, groups in files.items():
        (folder / file).write_text(json.dumps({"groups": [_group(group) for group in groups]}))


def _group(group: Group) -> dict[str, object]:
    texts = [rule_text(rule) for rule in group.rules]
    # vmalert 1.79 refuses the field, whatever it says.
    rules = [
        {name: text for name, text in rule.items() if (name, text) != ("keep_firing_for", "0s")} for rule in texts
    ]
    return {"name": group.name, "interval": f"{group.interval // SECOND}s", "limit": group.limit, "rules": rules}
