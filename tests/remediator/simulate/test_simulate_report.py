"""Results of tests: for people, programs and build servers."""

import json
import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest

from remediator.simulate.promtool import run_files
from remediator.simulate.report import Ended, Outcome, as_json, as_junit, as_text, exit_code

GOOD = Ended("alerts", "disk", Outcome.PASSED, "", "disk.yml")
BAD = Ended("playbooks", "host_dead: silent", Outcome.FAILED, "expected: <act>\n  got: \x1b[0m nothing", "a.yml", 7)
GONE = Ended("alerts", "self", Outcome.SKIPPED, "PROMTOOL IS MISSING", "self.yml")


def test_exit_codes() -> None:
    assert exit_code([GOOD]) == 0
    assert exit_code([GOOD, BAD]) == exit_code([GOOD, GONE]) == exit_code([]) == 1


def test_text_tells_what_failed_and_counts() -> None:
    lines = as_text([GOOD, BAD, GONE]).splitlines()
    assert lines[0] == "FAILED playbooks: host_dead: silent (a.yml:7)"
    assert "SKIPPED alerts: self (self.yml)" in lines
    assert lines[-3:] == ["alerts: 1 of 2 passed", "playbooks: 0 of 1 passed", "1 passed, 1 failed, 1 skipped"]


def test_json_has_every_test() -> None:
    told = json.loads(as_json([GOOD, BAD]))
    assert told["counts"] == {"passed": 1, "failed": 1}
    assert [each["name"] for each in told["tests"]] == ["disk", "host_dead: silent"]


def test_junit_is_well_formed_whatever_the_words() -> None:
    root = ElementTree.fromstring(as_junit([GOOD, BAD, GONE]))  # noqa: S314 - our own
    assert (root.get("tests"), root.get("failures"), root.get("skipped")) == ("3", "1", "1")
    failure = root.find(".//failure")
    assert failure is not None
    assert failure.get("message") == "expected: <act>"


def test_a_missing_promtool_is_said_and_skips(tmp_path: Path) -> None:
    (ended,) = run_files([tmp_path / "a.yml"], str(tmp_path))
    assert (ended.outcome, ended.name) == (Outcome.SKIPPED, "a")
    assert "PROMTOOL IS MISSING" in ended.text


def test_promtools_own_words_are_kept(tmp_path: Path) -> None:
    program = tmp_path / "promtool"
    program.write_text(
        "#!/bin/sh\necho 'Unit Testing:  a.yml'\necho '  FAILED:'\necho '    alertname: X, time: 5s'\nexit 1\n"
    )
    program.chmod(0o700)
    (ended,) = run_files([tmp_path / "a.yml"], str(tmp_path))
    assert (ended.outcome, ended.text) == (Outcome.FAILED, "    alertname: X, time: 5s")


def test_real_promtool_runs_each_file(tmp_path: Path) -> None:
    if shutil.which("promtool") is None:
        pytest.skip("NO PROMTOOL HERE")
    (tmp_path / "good.yml").write_text("rule_files: []\ntests: []\n")
    (tmp_path / "bad.yml").write_text("rule_files: [")
    found = {ended.name: ended.outcome for ended in run_files(sorted(tmp_path.glob("*.yml")))}
    assert found == {"good": Outcome.PASSED, "bad": Outcome.FAILED}
