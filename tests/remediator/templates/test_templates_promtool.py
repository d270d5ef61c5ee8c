"""Texts filled in here and by promtool, which is Prometheus' own code: equal to the letter, errors too."""

import json
import math
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from remediator.templates.check import check_template
from remediator.templates.template import Outside, compiled

HERE = Path(__file__).parent
TEXTS = [*(HERE / "texts.txt").read_text("utf-8").splitlines(), "two\nlines {{ $value |\n toUpper }}"]
LABELS = {"host": "h1", "b": "two"}
NUMBERS = "|".join(
    ("{{ $value }} {{ humanize $value }} {{ $value | humanize1024 }} {{ humanizeDuration $value }}",
     "{{ humanizePercentage $value }} {{ humanize1024 $value | toUpper }}",
     '{{ printf "%.2f" $value }} {{ $value | printf "%e %g %d %8.3f %+.1f %06.1f %v"  }}')
)  # fmt: skip
MOMENTS = "{{ humanizeTimestamp $value }} {{ toTime $value }} {{ (toTime $value).Year }}"
VALUES = [
    0, -0.0, 1, -1, 0.5, -0.5, 1 / 3, 7.25, 59.999, 59.99999, 60, 99.995, 999.949, 999.95, 1000, 1023.9, 1024, 3599.5,
    3661, -3661, 90061.5, 1e5, 999999.5, 1e6, 1234567, 2**20, -(2**20), 0.000123, 1e-4, 9.99995e-5, 1e-7, 1e-30,
    -1e-30, 5e-324, 1e7, 9e9, 9.3e9, 123456789012, 253402300800, 2**53, 1e15, 1e18, 1e19, -1e20, 1e21, 1e30,
    1.7976931348623157e308, math.nan, math.inf, -math.inf,
]  # fmt: skip


@pytest.fixture(scope="module")
def promtool() -> str:
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("NO promtool HERE: install the Debian package prometheus")
    return found


def refused(promtool: str, folder: Path, cases: Sequence[tuple[str, float]]) -> str:
    """What promtool has to say against our expansions; empty when it agrees with each of them."""
    rules, series, expected = [], [], []
    for number, (text, value) in enumerate(cases):
        name, metric = f"A{number}", f"x{number}"
        ours = expanded(text, value, name, metric)
        rules.append({"alert": name, "expr": metric, "annotations": {"text": text}})
        series.append({"series": f'{metric}{{host="h1",b="two"}}', "values": f"{go(value)} {go(value)}"})
        alert = {"exp_labels": LABELS, "exp_annotations": {"text": ours}}
        expected.append({"alertname": name, "eval_time": "1m", "exp_alerts": [alert]})
    series.append({"series": 'up{host="h1",b="two"}', "values": "2.5 2.5"})
    test = {"interval": "1m", "input_series": series, "alert_rule_test": expected}
    (folder / "rules.yml").write_text(json.dumps({"groups": [{"name": "g", "rules": rules}]}))
    (folder / "test.yml").write_text(json.dumps({"rule_files": ["rules.yml"], "tests": [test]}))
    command = [promtool, "test", "rules", str(folder / "test.yml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def expanded(text: str, value: float, name: str, metric: str) -> str:
    def query(expression: str) -> list[tuple[dict[str, str], float]]:
        return [({"__name__": "up", **LABELS}, 2.5)] if expression == "up" else []

    return compiled(text).expand({"__name__": metric, **LABELS}, value, Outside(query=query), name)


def go(value: float) -> str:
    return "NaN" if math.isnan(value) else repr(value).replace("inf", "Inf")


def test_every_text_is_promtools(promtool: str, tmp_path: Path) -> None:
    assert refused(promtool, tmp_path, [(text, 2.5) for text in TEXTS]) == ""


def test_every_number_is_promtools(promtool: str, tmp_path: Path) -> None:
    assert refused(promtool, tmp_path, [(text, value) for text in (NUMBERS, MOMENTS) for value in VALUES]) == ""


def test_the_oracle_can_say_no(promtool: str, tmp_path: Path) -> None:
    (tmp_path / "rules.yml").write_text(
        'groups: [{name: g, rules: [{alert: A, expr: x, annotations: {t: "{{ $value }}"}}]}]'
    )
    alert = {"exp_labels": {}, "exp_annotations": {"t": "2"}}
    case = {"alertname": "A", "eval_time": "1m", "exp_alerts": [alert]}
    test = {"interval": "1m", "input_series": [{"series": "x", "values": "1 1"}], "alert_rule_test": [case]}
    (tmp_path / "test.yml").write_text(json.dumps({"rule_files": ["rules.yml"], "tests": [test]}))
    done = subprocess.run([promtool, "test", "rules", str(tmp_path / "test.yml")], capture_output=True, check=False)
    assert done.returncode == 1


# What can only fail is refused here before it runs; Prometheus loads it, and fails each time.
KNOWN_TO_FAIL = ("{{ call .X }}", "{{ .Labels .host }}", '{{ label "x" }}', "{{ gt $value 5 }}", "{{ 1i }}")


def test_texts_are_refused_where_prometheus_refuses_them(promtool: str, tmp_path: Path) -> None:
    texts = (HERE / "broken_texts.txt").read_text("utf-8").splitlines()
    rules = [{"alert": f"A{n}_", "expr": "x", "annotations": {"t": text}} for n, text in enumerate(texts)]
    (tmp_path / "rules.yml").write_text(json.dumps({"groups": [{"name": "g", "rules": rules}]}))
    command = [promtool, "check", "rules", str(tmp_path / "rules.yml")]
    said = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60).stderr
    theirs = {text for n, text in enumerate(texts) if f"template: __alert_A{n}_:" in said}
    ours = {text for text in texts if check_template(text)}
    assert ours - theirs == set(KNOWN_TO_FAIL)
    assert theirs - ours == set()
    assert len(theirs) > 40
