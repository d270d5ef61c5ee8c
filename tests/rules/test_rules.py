"""The shipped rules: accepted by promtool and vmalert, proved firing and not firing, clean for our own check."""

import subprocess
from pathlib import Path

import pytest
import yaml

from remediator.actions import ACTIONS
from remediator.policy.check import check
from remediator.policy.load import load_policy

ROOT = Path(__file__).parents[2]
RULES = ROOT / "rules"
STORIES = sorted(Path(__file__).parent.glob("*.yml"))
ALERTS = [rule.name for group in load_policy(RULES, ACTIONS).groups for rule in group.rules]


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


@pytest.mark.parametrize("alert", ALERTS)
def test_each_alert_is_proved_firing_and_not_firing(alert: str) -> None:
    cases = [
        case
        for story in STORIES
        for test in yaml.safe_load(story.read_text())["tests"]
        for case in test.get("alert_rule_test", [])
        if case["alertname"] == alert
    ]
    assert any(case.get("exp_alerts") for case in cases), "no story in which it fires"
    assert any(not case.get("exp_alerts") for case in cases), "no story in which it keeps quiet"


@pytest.mark.parametrize("alert", ALERTS)
def test_each_alert_has_the_page_it_names(alert: str) -> None:
    rules = [rule for group in load_policy(RULES, ACTIONS).groups for rule in group.rules if rule.name == alert]
    page = ROOT / rules[0].annotations["runbook_url"]
    assert page.read_text().startswith(f"# {alert}\n")
