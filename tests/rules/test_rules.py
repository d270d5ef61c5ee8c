"""The shipped rules: accepted by promtool and vmalert, proved firing and not firing, clean for our own check."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from remediator.actions import ACTIONS
from remediator.model.alert import Rule
from remediator.policy.check import check
from remediator.policy.load import load_policy

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
RULES = ROOT / "rules"
STORIES = sorted((RULES / "tests" / "alerts").glob("*.yml"))
POLICY = load_policy(RULES, ACTIONS)
ALERTS = {rule.name: rule for group in POLICY.groups for rule in group.rules}
# What acts within seconds is looked at each second; everything else may cost less.
FAST = {"host_liveness", "wedged", "disk", "capacity"}


def cases(story: Path) -> list[dict[str, Any]]:
    tests = yaml.load(story.read_text(), Loader=yaml.CSafeLoader)["tests"]
    return [case for test in tests for case in test.get("alert_rule_test", [])]


CASES = [case for story in STORIES for case in cases(story)]


def run(*arguments: str) -> str:
    done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_promtool_accepts_every_rule_file() -> None:
    said = run("promtool", "check", "rules", "--lint-fatal", *(str(f) for f in sorted(RULES.glob("alerts/*.yml"))))
    assert "FAILED" not in said


def test_vmalert_accepts_every_rule_file() -> None:
    run("vmalert", "-dryRun", f"-rule={RULES}/alerts/*.yml")


def test_our_own_check_has_nothing_to_say() -> None:
    assert check(RULES, ACTIONS) == []


@pytest.mark.parametrize("story", STORIES, ids=lambda path: path.stem)
def test_story(story: Path) -> None:
    run("promtool", "test", "rules", str(story))


@pytest.mark.parametrize("alert", sorted(ALERTS))
def test_each_alert_is_proved_firing_and_not_firing(alert: str) -> None:
    mine = [case for case in CASES if case["alertname"] == alert]
    assert any(case.get("exp_alerts") for case in mine), "no story in which it fires"
    assert any(not case.get("exp_alerts") for case in mine), "no story in which it keeps quiet"


@pytest.mark.parametrize("alert", sorted(ALERTS))
def test_each_alert_has_the_page_it_names(alert: str) -> None:
    page = ROOT / ALERTS[alert].annotations["runbook_url"]
    assert page.read_text().startswith(f"# {alert}\n")


@pytest.mark.parametrize("alert", sorted(ALERTS))
def test_each_alert_says_how_grave_it_is_and_which_page_is_its_own(alert: str) -> None:
    rule = ALERTS[alert]
    assert rule.labels["severity"] in ("critical", "warning", "info")
    snake = re.sub(r"(?<!^)(?=[A-Z])", "_", alert).lower()
    assert rule.annotations["runbook_url"] == f"docs/runbooks/{snake}.md"
    assert rule.annotations["summary"]


@pytest.mark.parametrize("file", sorted((RULES / "alerts").glob("*.yml")), ids=lambda path: path.stem)
def test_the_file_explains_each_of_its_alerts(file: Path) -> None:
    text = file.read_text()
    comments = " ".join(line for line in text.split("\n") if line.startswith("#"))
    assert [rule.name for rule in _in(file) if rule.name not in comments] == []


def _in(file: Path) -> list[Rule]:
    return [rule for rule in ALERTS.values() if Path(rule.file).name == file.name]


def test_only_what_acts_within_seconds_is_looked_at_each_second() -> None:
    each_second = {group.name for group in POLICY.groups if group.interval.total_seconds() < 5}
    assert each_second == FAST


def test_what_is_new_does_not_act_on_hosts_by_itself() -> None:
    # What rack_dead does for a rack that is proved to be off, host_dead did before.
    old = {"host_dead", "host_disk_full", "host_wedged", "rack_dead", "region_without_room"}
    harmless = {"notify", "uncordon", "quarantine"}
    for playbook in POLICY.playbooks.values():
        if playbook.mode.value == "auto" and playbook.name not in old:
            assert {step.action for step in playbook.steps} <= harmless
