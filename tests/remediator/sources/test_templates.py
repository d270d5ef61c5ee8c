"""Annotation texts, as Prometheus fills them: the last test asks promtool itself."""

import json
import subprocess
from pathlib import Path

import pytest

from remediator.sources.templates import expand, go_float, humanize, humanize_duration, humanize_percentage


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("plain", "plain"),
        ("{{ $labels.host }} at {{ $value }}", "h1 at 0.75"),
        ("{{$labels.host}}{{ $labels.gone }}", "h1"),
        ("{{ $value | humanizePercentage }}", "75%"),
        ("{{ humanizePercentage $value }}", "75%"),
        ('{{ $value | printf "%.1f" }} or {{ printf "%.2f%%" $value }}', "0.8 or 0.75%"),
        ("{{ .Labels.host }} {{ .Value }}", "h1 0.75"),
        ("{{ query `up` }}", "<error expanding template: '`up`' is not supported>"),
        ("{{ $labels.host | humanize }}", "<error expanding template: 'h1' is not a number>"),
        ("{{ $value | nonsense }}", "<error expanding template: function 'nonsense' is not supported>"),
    ],
)
def test_texts(text: str, said: str) -> None:
    assert expand(text, {"host": "h1"}, 0.75) == said


def test_numbers_as_go_prints_them() -> None:
    assert [go_float(value) for value in (1.0, 1e20, 0.1, float("inf"), float("nan"))] == [
        "1",
        "1e+20",
        "0.1",
        "+Inf",
        "NaN",
    ]


def test_people_sized_numbers() -> None:
    assert [humanize(value) for value in (0, 1234567, 0.00123, -1500)] == ["0", "1.235M", "1.23m", "-1.5k"]
    assert [humanize_duration(value) for value in (0, 0.25, 7, 61, 3661, -90061)] == [
        "0s",
        "250ms",
        "7s",
        "1m 1s",
        "1h 1m 1s",
        "-1d 1h 1m 1s",
    ]
    assert humanize_percentage(0.0312) == "3.12%"


@pytest.mark.parametrize(
    "value", [0, 1, 7.25, 59.999, 3661, 90061.5, 1234567, 0.000123, -0.5, 1e7, 123456789012, 999999.5, 1e-7]
)
def test_promtool_says_the_same(tmp_path: Path, value: float) -> None:
    text = "{{ $value }}|{{ $value | humanize }}|{{ $value | humanizeDuration }}|{{ $value | humanizePercentage }}"
    rule = {"alert": "A", "expr": "x", "annotations": {"text": text}}
    (tmp_path / "rules.yml").write_text(json.dumps({"groups": [{"name": "g", "rules": [rule]}]}))
    expected = [{"exp_labels": {}, "exp_annotations": {"text": expand(text, {}, value)}}]
    case = {"alertname": "A", "eval_time": "1m", "exp_alerts": expected}
    series = [{"series": "x", "values": f"{value}x5"}]
    test = {"interval": "1m", "input_series": series, "alert_rule_test": [case]}
    (tmp_path / "test.yml").write_text(json.dumps({"rule_files": ["rules.yml"], "tests": [test]}))
    done = subprocess.run(
        ["promtool", "test", "rules", str(tmp_path / "test.yml")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
