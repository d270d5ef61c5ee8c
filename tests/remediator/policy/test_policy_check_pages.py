"""docs/checks: one page a check, whose examples are found as the page says, and are not once they are mended."""

import re
import shutil
from pathlib import Path

import pytest

from remediator.actions import ACTIONS
from remediator.commands.check_formats import Texts, as_human
from remediator.model.errors import Problem
from remediator.policy.check import check
from remediator.policy.lint.catalogue import CHECKS

ROOT = Path(__file__).parents[3]
PAGES = ROOT / "docs" / "checks"
_FILE = re.compile(r"^`(rules/[\w./]+)`:\n\n```yaml\n(.*?)```$", re.MULTILINE | re.DOTALL)
_SAID = re.compile(r"^```text\n(?:\$ [^\n]*\n)?(.*?)\n```$", re.MULTILINE | re.DOTALL)
# What a folder of rules alone cannot show: odd files, the environment, a running remediator, a store.
ELSEWHERE = {
    *("file/encoding", "file/kind", "file/size", "file/unreadable", "yaml/depth", "yaml/number", "yaml/size"),
    *("limits/restart", "playbook/missing", "playbook/webhook", "settings/senseless", "settings/unknown"),
    *(name for name in CHECKS if name.startswith("online/")),
}


def page(name: str) -> Path:
    return PAGES / f"{name.replace('/', '_')}.md"


def found(folder: Path, files: dict[str, str]) -> list[Problem]:
    for name in ("limits.yml", "playbooks/host_dead.yml"):
        (folder / "rules" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / "rules" / name, folder / "rules" / name)
    (folder / "rules" / "alerts").mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return check(folder / "rules", ACTIONS)


def test_catalogue_and_pages_are_the_same_set() -> None:
    assert {path.name for path in PAGES.glob("*.md")} == {page(name).name for name in CHECKS} | {"README.md"}


@pytest.mark.parametrize("name", sorted(CHECKS.keys() - ELSEWHERE))
def test_the_example_is_found_as_the_page_says_and_the_mended_one_is_clean(tmp_path: Path, name: str) -> None:
    spoiled, mended = page(name).read_text().split("\n## Mended\n")
    said = _SAID.search(spoiled)
    bad, good = dict(_FILE.findall(spoiled)), dict(_FILE.findall(mended))
    problems = [one for one in found(tmp_path / "bad", bad) if one.check == name]
    told = as_human(problems, Texts({})).replace(f"{tmp_path / 'bad'}/", "").rsplit("\n", 2)[0]
    assert said is not None
    assert told == said[1]
    after = found(tmp_path / "good", {**bad, **good})
    assert [str(one) for one in after if one.check == name or one.severity == "error"] == []


@pytest.mark.parametrize("name", sorted(CHECKS))
def test_the_page_says_what_the_catalogue_says_and_how_to_disable_it(name: str) -> None:
    text, one = page(name).read_text(), CHECKS[name]
    assert text.startswith(f"# {name}\n\n{one.finds[0].upper()}{one.finds[1:]}. Severity: {one.severity}.\n")
    assert f"What to do: {one.advice}." in text
    assert (f"# fleetmend disable {name}(" in text) == (one.severity != "error")


def test_the_index_names_every_check() -> None:
    index = (PAGES / "README.md").read_text()
    rows = [f"| [{name}]({page(name).name}) | {one.severity} | {one.finds} |" for name, one in CHECKS.items()]
    assert [row for row in rows if row not in index] == []
