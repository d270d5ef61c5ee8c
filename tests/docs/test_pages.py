"""One page a guard, a playbook's key, an action and an alert, under the same word as in the code; and no other."""

import re
from collections.abc import Iterable
from pathlib import Path

import pytest
import yaml

from remediator.actions import ACTIONS
from remediator.engine.guards import table as guards
from remediator.engine.guards.guard import name_of
from remediator.engine.guards.shares import IN_FLIGHT, NEWLY_UNHEALTHY, RATE
from remediator.policy.promql import expression as promql
from remediator.policy.schema import PlaybookFile

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
# Keys of a playbook that are no guards, and those whose guard has another name.
NO_GUARD = {"playbook", "target", "steps"}
OTHER_NAME = {"requires": {"evidence", "continuity"}, "budget": {"budgets"}}
# Asked for by a proved incident, and by no alert.
OF_INCIDENTS = {"rack_dead.md", "region_dead.md"}
GUARDS = {name_of(guard) for many in (guards.BEFORE_ANY, *guards.BY_KIND.values()) for guard in many}
RULES = {
    rule["alert"]: rule
    for file in sorted((ROOT / "rules" / "alerts").glob("*.yml"))
    for group in yaml.safe_load(file.read_text())["groups"]
    for rule in group["rules"]
}


def pages(folder: str) -> set[str]:
    return {page.stem for page in (DOCS / folder).glob("*.md")}


def keys() -> set[str]:
    named = set(PlaybookFile.model_fields) - NO_GUARD
    return (named - set(OTHER_NAME)).union(*OTHER_NAME.values())


def test_each_guard_and_each_key_has_its_page() -> None:
    assert pages("guards") == GUARDS | keys()


def test_each_action_has_its_page() -> None:
    assert pages("actions") == set(ACTIONS)


def test_each_alert_and_each_incident_has_its_page_and_no_other_is_there() -> None:
    named = {Path(rule["annotations"]["runbook_url"]).name for rule in RULES.values()}
    assert {f"{name}.md" for name in pages("runbooks")} == named | OF_INCIDENTS


@pytest.mark.parametrize("folder", ["guards", "actions"])
def test_a_page_begins_with_its_word(folder: str) -> None:
    wrong = [
        page.name for page in (DOCS / folder).glob("*.md") if page.read_text().split("\n")[0] != f"# {page.stem}"
    ]
    assert wrong == []


def test_each_reason_of_a_hold_is_explained() -> None:
    code = "".join(module.read_text() for module in (ROOT / "remediator" / "engine").rglob("*.py"))
    given = set(re.findall(r'Hold\(\s*"(\w+)"', code)) - {"Acting", "GuardFailed", "PlanFailed"}
    budgets = {f"Budget{name}" for name in (IN_FLIGHT, RATE, NEWLY_UNHEALTHY)}
    told = "".join(page.read_text() for folder in ("guards", "actions") for page in (DOCS / folder).glob("*.md"))
    assert len(given) > 10
    assert {reason for reason in given | budgets if f"`{reason}`" not in told} == set()


@pytest.mark.parametrize("action", sorted(ACTIONS))
def test_an_actions_page_names_every_parameter_and_its_kind(action: str) -> None:
    text = (DOCS / "actions" / f"{action}.md").read_text()
    assert [name for name in ACTIONS[action].params.model_fields if name not in text] == []
    assert ACTIONS[action].kind.value in text


@pytest.mark.parametrize("alert", sorted(RULES))
def test_a_runbook_says_what_is_done_what_to_look_at_and_how_to_silence_it(alert: str) -> None:
    text = (ROOT / RULES[alert]["annotations"]["runbook_url"]).read_text()
    for part in ("**What fleetmend does", "**What to look at.**", "**What a person does.**", "**To silence.**"):
        assert part in text
    assert f"alertname={alert} " in text
    playbook = RULES[alert]["labels"]["playbook"]
    assert playbook == "none" or f"`{playbook}`" in text


def queries(text: str) -> Iterable[str]:
    for block in re.findall(r"```promql\n(.*?)```", text, re.DOTALL):
        yield from block.strip().split("\n")


def test_the_runbooks_queries_parse() -> None:
    found = [query for page in (DOCS / "runbooks").glob("*.md") for query in queries(page.read_text())]
    assert len(found) > len(RULES)
    for query in found:
        promql.parse(query)


def test_the_links_between_pages_lead_somewhere() -> None:
    linked = [
        (page, target)
        for folder in ("guards", "actions", "runbooks")
        for page in (DOCS / folder).glob("*.md")
        for target in re.findall(r"\]\(([^)#:]+\.md)\)", page.read_text())
    ]
    assert linked
    assert [f"{page.name}: {target}" for page, target in linked if not (page.parent / target).exists()] == []
