"""``check --online`` against a real VictoriaMetrics and a real Prometheus that hold the same three days."""

import subprocess
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import requests

from remediator.actions import ACTIONS
from remediator.clock import SystemClock
from remediator.policy.load import read_policy
from remediator.simulate.online.rules import Report, ask_online, asking_at, table
from tests.conftest import binary, started, victoria_arguments
from tests.store_lab import free_port

STEP = 30
SPAN = 3 * 86400
# Sick for ten minutes, twice: once with a gap of one sample, once whole.
EPISODES = ((90_000, 90_600), (50_000, 50_600))
RULES = """\
groups:
  - name: g
    interval: 30s
    rules:
"""


def lines(now: int, unit: int) -> Iterator[str]:
    """Three days of a host's age, a series that ended, and who is there; moments in ``unit`` parts of a second."""
    for ago in range(SPAN, -STEP, -STEP):
        sick = any(end <= ago <= begin for end, begin in EPISODES) and ago != 90_300
        at = (now - ago) * unit
        yield f'lab_age_seconds{{host="a",severity="page"}} {60 if sick else 1} {at}'
        yield f'lab_age_seconds{{host="b",severity="page"}} 1 {at}'
        if ago > 86_400:
            yield f"lab_gone 1 {at}"


def _series_then_moment(line: str) -> tuple[str, int]:
    name, _, at = line.split(" ")
    return name, int(at)


@pytest.fixture(scope="module", params=["victoriametrics", "prometheus"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder, port = tmp_path_factory.mktemp(request.param), free_port()
    url, now = f"http://127.0.0.1:{port}", int(SystemClock().now().timestamp())
    if request.param == "victoriametrics":
        with started(victoria_arguments(port, folder), f"{url}/health", folder / "log"):
            page = "\n".join(lines(now, 1000)) + "\n"
            requests.post(f"{url}/api/v1/import/prometheus", data=page, timeout=30).raise_for_status()
            requests.get(f"{url}/internal/force_flush", timeout=30).raise_for_status()
            yield url
        return
    (folder / "page").write_text("\n".join([*sorted(lines(now, 1), key=_series_then_moment), "# EOF", ""]))
    blocks = [
        binary("promtool"),
        "tsdb",
        "create-blocks-from",
        "openmetrics",
        str(folder / "page"),
        str(folder / "data"),
    ]
    subprocess.run(blocks, check=True, capture_output=True, timeout=60)
    (folder / "prometheus.yml").write_text("{}\n")
    command = [
        binary("prometheus"),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with started(command, f"{url}/-/ready", folder / "log"):
        yield url


def asked(folder: Path, url: str, *rules: str) -> Report:
    for part in ("alerts", "playbooks"):
        (folder / "rules" / part).mkdir(parents=True, exist_ok=True)
    (folder / "rules" / "alerts" / "lab.yml").write_text(RULES + "".join(f"      - {rule}\n" for rule in rules))
    reading = read_policy(folder / "rules", ACTIONS)
    return ask_online(reading.policy, reading.documents, asking_at(url, SystemClock().now(), timedelta(seconds=10)))


def said(report: Report) -> list[str]:
    return [f"{problem.check} {problem.column} {problem.message}" for problem in report.problems]


@pytest.mark.store
@pytest.mark.parametrize(
    ("expr", "check", "column", "message"),
    [
        ("lab_agee_seconds > 5", "online/series", 29, "lab_agee_seconds is not in the store, and was not within"),
        ('lab_age_seconds{host="c"} > 5', "online/series", 45, 'no series of lab_age_seconds has had host="c"'),
        ('lab_age_seconds{hots="a"} > 5', "online/series", 45, "has had a label 'hots' within the last week"),
        ("lab_gone > 5", "online/series", 29, "lab_gone was there within the last week, and is not now"),
        ("max_over_time(lab_age_seconds[40s]) > 99", "online/window", 58, "a sample every 30 s"),
        (
            "max_over_time(lab_age_seconds[30d]) > 99",
            "online/range",
            58,
            "lab_age_seconds that is 30d old",
        ),
        ("lab_age_seconds offset 20d > 99", "online/range", 29, "nothing of lab_age_seconds that is 20d old"),
    ],
)
def test_what_the_store_does_not_have_is_said_where_the_rule_asks_for_it(
    store: str, tmp_path: Path, expr: str, check: str, column: int, message: str
) -> None:
    found = said(asked(tmp_path, store, f"{{alert: Lab, expr: '{expr}'}}"))
    assert any(line.startswith(f"{check} {column} ") and message in line for line in found), found


@pytest.mark.store
def test_how_often_it_would_have_fired_follows_for_and_keep_firing_for(store: str, tmp_path: Path) -> None:
    expr = "lab_age_seconds > 5"
    report = asked(
        tmp_path,
        store,
        f"{{alert: AtOnce, expr: {expr}}}",
        f"{{alert: Patient, expr: {expr}, for: 6m}}",
        f"{{alert: Damped, expr: {expr}, keep_firing_for: 2m}}",
        f"{{alert: Never, expr: {expr}, for: 1h}}",
    )
    times = {row.rule: row.fired.times for row in report.rows if row.fired}
    # The store looks back five minutes: the gap of one sample hides nothing, and a gap is none.
    assert times["Never"] == 0
    assert times["Patient"] <= times["AtOnce"]
    assert times["Damped"] == 2
    headings, rows = table(report)
    assert headings[-1] == "FIRED"
    assert [row[0] for row in rows] == ["AtOnce", "Patient", "Damped", "Never"]


@pytest.mark.store
def test_cost_counts_what_is_read_and_a_label_overwritten_is_told(store: str, tmp_path: Path) -> None:
    report = asked(
        tmp_path,
        store,
        "{alert: Lab, expr: 'max_over_time(lab_age_seconds[5m]) > 5', labels: {severity: warning}}",
    )
    row = report.rows[0]
    assert row.series == 2
    assert 18 <= row.samples <= 24
    assert any(line.startswith("online/conflict") and "('page')" in line for line in said(report)), said(report)


@pytest.mark.store
def test_what_the_store_refuses_is_an_error_of_that_rule(store: str, tmp_path: Path) -> None:
    report = asked(tmp_path, store, "{alert: Lab, expr: 'lab_age_seconds * on (x) lab_age_seconds'}")
    assert any(line.startswith("online/error") for line in said(report)), said(report)


def test_a_store_that_is_not_there_is_one_problem() -> None:
    reading = read_policy(Path(__file__).parents[3] / "rules", ACTIONS)
    url = f"http://127.0.0.1:{free_port()}"
    asking = asking_at(url, SystemClock().now(), timedelta(seconds=1))
    found = ask_online(reading.policy, reading.documents, asking).problems
    assert [(problem.check, problem.severity) for problem in found] == [("online/store", "error")]
    assert "cannot be reached" in found[0].message


def test_the_newest_moment_is_an_argument() -> None:
    at = datetime.fromisoformat("2026-01-01T00:00:00+00:00")
    assert asking_at("http://127.0.0.1:1", at, timedelta(seconds=1)).now == at
