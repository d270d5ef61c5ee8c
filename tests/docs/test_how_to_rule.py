"""The page on adding a rule and a playbook, followed literally: what it shows is what comes out."""

import re
import shutil
from pathlib import Path

import pytest

from remediator.cli import main

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "how-to" / "adding-a-rule-and-playbook.md").read_text()
# What the page tells to mend.
MENDED = (("by (region", "by (host, region"), ("staled", "stalled"), ("host_trashing", "host_thrashing"))


def sections() -> list[str]:
    return re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]


def written(section: str) -> tuple[str, str]:
    """The first file that a section names, and what it shows of it."""
    name = re.search(r"`(rules/[\w/]+\.yml)`", section)
    text = re.search(r"```yaml\n(.*?)```", section, re.DOTALL)
    assert name is not None
    assert text is not None
    return name[1], text[1]


def shown(section: str) -> list[tuple[list[str], str]]:
    """Commands and their outputs."""
    found = re.findall(r"^\$ fleetmend (.*)\n((?:(?!\$|```).*\n)+)", section, re.MULTILINE)
    return [(command.split(), output) for command, output in found]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(ROOT / "rules", tmp_path / "rules")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_followed_literally_it_leads_where_it_says(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if not shutil.which("promtool"):
        pytest.skip("PROMTOOL IS MISSING")
    rule, *others = (written(section) for section in sections()[:4])
    (folder / rule[0]).write_text(rule[1])
    run_and_compare(sections()[0], capsys)
    text = rule[1]
    for old, new in MENDED:
        assert old in text
        text = text.replace(old, new)
    for name, content in [(rule[0], text), *others]:
        (folder / name).write_text(content)
    run_and_compare(sections()[3], capsys)


def run_and_compare(section: str, capsys: pytest.CaptureFixture[str]) -> None:
    commands = shown(section)
    assert commands
    for command, output in commands:
        main(command)
        assert capsys.readouterr().out == output
