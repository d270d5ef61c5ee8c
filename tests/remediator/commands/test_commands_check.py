"""``fleetmend check`` as people and machines meet it: what it prints, in each format, and how it ends."""

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from remediator.cli import main
from remediator.commands.check_formats import Paint, Texts, as_github, as_human, as_json
from remediator.commands.check_sarif import as_sarif
from remediator.model.errors import Problem
from tests.remediator.commands.sarif_schema import SARIF

LIMITS = """\
patience: 120s
max_in_flight: {share: 5%, at_least: 2}
newly_unhealthy: {share: 10%, at_least: 1}
settle: 2s
continuous: 2s
outside_rack: 2
correlated_at_least: 3
"""
PLAYBOOK = "playbook: host_dead\ntarget: host\nmode: shadow\nsteps: [mark_host_dead]\n"
ALERTS = """\
groups:
  - name: liveness
    interval: 1s
    rules:
      - alert: HostDead
        expr: sum by (host) (probe_silent) > 2
        for: 3s
        labels: {severity: critical, playbook: host_dead}
        annotations: {summary: "{{ $labels.host }}", runbook_url: docs/runbooks/host_dead.md}
"""
Say = Callable[..., tuple[int, str]]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with rules that are all right."""
    for name, text in (("limits", LIMITS), ("playbooks/host_dead", PLAYBOOK), ("alerts/liveness", ALERTS)):
        path = tmp_path / "rules" / f"{name}.yml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    """Runs the command; what it printed on standard output, and nothing on the other one."""

    def run(*arguments: str) -> tuple[int, str]:
        code = main(["check", *arguments])
        out, err = capsys.readouterr()
        assert err == ""
        return code, out

    return run


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def spoil(home: Path) -> None:
    change(home / "rules/playbooks/host_dead.yml", "mode: shadow", "mode: shadwo")
    change(home / "rules/alerts/liveness.yml", ", runbook_url: docs/runbooks/host_dead.md", "")


def test_nothing_wrong_is_code_0(home: Path, say: Say) -> None:
    assert say("rules") == (0, "0 errors, 0 warnings\n")


def test_the_folder_that_rules_lie_in_may_be_named(home: Path, say: Say) -> None:
    assert say() == say(".") == say(str(home)) == (0, "0 errors, 0 warnings\n")


def test_warnings_are_code_1(home: Path, say: Say) -> None:
    change(home / "rules/alerts/liveness.yml", ", runbook_url: docs/runbooks/host_dead.md", "")
    code, out = say("rules")
    assert code == 1
    assert out.startswith("warning: rules/alerts/liveness.yml:")
    assert "[alerts/annotation]" in out


def test_errors_are_code_2_and_stand_above_a_caret(home: Path, say: Say) -> None:
    spoil(home)
    code, out = say("rules")
    assert code == 2
    assert "\n    mode: shadwo\n          ^\n" in out
    assert "unknown value 'shadwo' (did you mean 'shadow'?) [schema/choice]" in out
    assert out.endswith("1 error, 1 warning\n")


def test_a_rule_that_cannot_be_read_is_told_once(home: Path, say: Say) -> None:
    change(home / "rules/alerts/liveness.yml", "for: 3s", "for: 1:30")
    (home / "rules/outcomes.yml").write_text("alerts: {HostDead: {no_data: keep}}\n")
    _, out = say("rules", "--format", "json")
    assert [one["check"] for one in json.loads(out)["problems"]] == ["yaml/sexagesimal"]


def test_json_has_a_stable_shape(home: Path, say: Say) -> None:
    spoil(home)
    code, out = say("rules", "--format", "json")
    told = json.loads(out)
    assert code == told["exit_code"] == 2
    assert (told["version"], told["errors"], told["warnings"], told["notes"]) == (1, 1, 1, 0)
    assert told["problems"][1] == {
        "file": "rules/playbooks/host_dead.yml",
        "line": 3,
        "column": 7,
        "severity": "error",
        "check": "schema/choice",
        "message": "mode: unknown value 'shadwo' (did you mean 'shadow'?)",
        "page": "docs/checks/schema_choice.md",
    }


def test_github_gets_one_command_a_problem(home: Path, say: Say) -> None:
    spoil(home)
    _, out = say("rules", "--format", "github")
    assert out.splitlines()[1] == (
        "::error file=rules/playbooks/host_dead.yml,line=3,col=7,title=schema/choice::"
        "mode: unknown value 'shadwo' (did you mean 'shadow'?)"
    )


def test_what_github_reads_as_its_own_is_escaped() -> None:
    odd = Problem("a,b:c%.yml", 1, 2, "100%\r\n::error::x", "info", "yaml/syntax")
    assert as_github([odd]) == (
        "::notice file=a%2Cb%3Ac%25.yml,line=1,col=2,title=yaml/syntax::100%25%0D%0A::error::x\n"
    )


def test_sarif_is_valid_and_names_its_rules(home: Path, say: Say) -> None:
    spoil(home)
    _, out = say("rules", "--format", "sarif", "--docs", "https://example.org/docs/")
    told = json.loads(out)
    Draft202012Validator.check_schema(SARIF)
    Draft202012Validator(SARIF).validate(told)
    run = told["runs"][0]
    rules = run["tool"]["driver"]["rules"]
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
    assert rules[-1]["helpUri"] == "https://example.org/docs/checks/schema_choice.md"
    assert run["results"][1]["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "rules/playbooks/host_dead.yml", "uriBaseId": "ROOT"},
        "region": {"startLine": 3, "startColumn": 7},
    }


def test_a_fingerprint_stays_when_the_line_moves_and_differs_for_twins(home: Path, say: Say) -> None:
    def prints() -> list[str]:
        results = json.loads(say("rules", "--format", "sarif")[1])["runs"][0]["results"]
        return [one["partialFingerprints"]["fleetmend/v1"] for one in results]

    spoil(home)
    before = prints()
    for name in ("playbooks/host_dead.yml", "alerts/liveness.yml"):
        path = home / "rules" / name
        path.write_text(f"# moved\n\n{path.read_text()}")
    assert prints() == before
    twin = Problem("f.yml", 1, 1, "same", check="yaml/syntax")
    texts = Texts({"f.yml": "x"})
    told = json.loads(as_sarif([twin, Problem("f.yml", 2, 1, "same", check="yaml/syntax")], texts))
    assert (
        len({one["partialFingerprints"]["fleetmend/v1"].partition(":")[0] for one in told["runs"][0]["results"]}) == 2
    )


def test_all_formats_take_a_problem_without_a_place() -> None:
    bare = [Problem("", 0, 0, "the store does not answer", check="online/store")]
    assert as_human(bare, Texts({})).startswith("error: the store does not answer [online/store]\n1 error")
    assert json.loads(as_json(bare))["problems"][0]["line"] is None
    assert as_github(bare) == "::error title=online/store::the store does not answer\n"
    Draft202012Validator(SARIF).validate(json.loads(as_sarif(bare, Texts({}))))


def test_the_caret_stands_under_wide_characters_and_in_long_lines() -> None:
    texts = Texts({"f.yml": f"日本: x\n{'a' * 300}b: c"})
    wide, long = (as_human([Problem("f.yml", line, column, "m")], texts) for line, column in ((1, 5), (2, 301)))
    assert wide.splitlines()[2] == "    " + " " * 6 + "^"
    assert long.splitlines()[1].strip().startswith("aaa")
    assert long.splitlines()[2].index("^") == long.splitlines()[1].index("b")


def test_control_characters_of_a_file_never_reach_the_terminal() -> None:
    shown = as_human([Problem("f.yml", 1, 1, "bad \x1b[2J\nnews")], Texts({"f.yml": "x: \x1b[31m"}))
    assert "\x1b" not in shown
    assert len(shown.splitlines()) == 4


def test_colours_only_where_they_are_wanted() -> None:
    problem = [Problem("f.yml", 1, 1, "m")]
    assert "\x1b" not in as_human(problem, Texts({}))
    assert "\x1b[1;31merror\x1b[0m" in as_human(problem, Texts({}), Paint(coloured=True))


@pytest.mark.parametrize(("given", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)])
def test_a_terminal_gets_colours_unless_it_says_no(home: Path, given: dict[str, str], coloured: bool) -> None:
    spoil(home)
    ours, theirs = pty.openpty()
    environment = {key: value for key, value in os.environ.items() if key != "NO_COLOR"} | {"TERM": "xterm"} | given
    command = [sys.executable, "-m", "remediator.cli", "check", "rules"]
    subprocess.run(command, stdout=theirs, env=environment, timeout=30, check=False)
    os.close(theirs)
    shown = os.read(ours, 100_000).decode()
    os.close(ours)
    assert ("\x1b[" in shown) is coloured


def test_single_files_are_told_of_with_what_depends_on_them(home: Path, say: Say) -> None:
    spoil(home)
    (home / "rules/playbooks/other.yml").write_text("playbook: other\ntarget: host\nsteps: [notify]\n")

    def files(*paths: str) -> set[str]:
        return {one["file"] for one in json.loads(say(*paths, "--format", "json")[1])["problems"]}

    alerts, playbook = "rules/alerts/liveness.yml", "rules/playbooks/host_dead.yml"
    assert files(playbook) == {playbook, alerts}
    assert files(alerts) == {playbook, alerts}
    assert files("rules/playbooks/other.yml") == {"rules/playbooks/other.yml"}
    assert files("rules/limits.yml") == files("rules") == {alerts, playbook, "rules/playbooks/other.yml"}
    assert files(str(home / playbook)) == {str(home / playbook), str(home / alerts)}


def test_a_file_within_a_home_is_checked_with_its_settings(home: Path, say: Say) -> None:
    (home / "fleetmend.yml").write_text("patience: 10s\nliveness_playbook: gone\n")
    (home / "hosts.yml").write_text("[]\n")
    code, out = say("rules/playbooks/host_dead.yml")
    assert (code, "gone" in out) == (0, False)
    code, out = say("fleetmend.yml")
    assert code == 2
    assert "patience: 10s is shorter than limits.yml allows (120s)" in out
    assert "playbook 'gone', which the settings name for dead hosts, is missing" in out


def test_paths_that_are_nowhere_are_all_named(home: Path, say: Say) -> None:
    (home / "lonely.yml").write_text("a: 1")
    code, out = say("gone", "gone.yml", "lonely.yml")
    assert code == 2
    assert out.count("no such file or folder") == 2
    assert "lonely.yml: lies in no folder of rules" in out


def test_rules_goes_before_the_folder_of_the_settings(home: Path, say: Say) -> None:
    (home / "fleetmend.yml").write_text("rules: gone\n")
    (home / "hosts.yml").write_text("[]\n")
    assert say()[0] == 2
    assert say("--rules", "rules") == (0, "0 errors, 0 warnings\n")


def test_a_store_that_does_not_answer_is_an_error_of_its_own(home: Path, say: Say, unused_port: int) -> None:
    code, out = say("rules", "--online", "--store", f"http://127.0.0.1:{unused_port}")
    assert code == 2
    assert "[online/store]" in out


def test_every_check_is_listed(home: Path, say: Say) -> None:
    code, out = say("--list-checks")
    assert code == 0
    assert out.startswith("CHECK ")
    assert "yaml/duplicate_key" in out
    listed = json.loads(say("--list-checks", "--format", "json")[1])
    assert all(one["page"] == f"docs/checks/{one['id'].replace('/', '_')}.md" for one in listed)
