"""`fleetmend simulate --scoreboard`, small: one campaign, all judges, in this process and in others."""

import json
from pathlib import Path

import pytest

from remediator.cli import main
from remediator.commands.scoreboard_runs import OURS, Job, build_of, judged_all
from remediator.simulate.baselines.roster import baselines

RULES = Path(__file__).resolve().parents[3]


def test_one_command_prints_the_table_and_writes_json_and_plot(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told, drawn = tmp_path / "out.json", tmp_path / "out.svg"
    words = ["simulate", "--scoreboard", "--campaigns", "1", "--hosts", "24", "--minutes", "4", "--faults", "2"]
    code = main([*words, "--rules", str(RULES), "--json", str(told), "--plot", str(drawn)])
    document = json.loads(told.read_text(encoding="utf-8"))
    assert code == (1 if document["judges"][OURS]["wrong_kill"] else 0)
    assert list(document["judges"]) == [OURS, *baselines()]
    assert {row["runs"] for row in document["judges"].values()} == {1}
    assert drawn.read_text(encoding="utf-8").count("<circle") == 1 + len(baselines())
    assert "wrong kills" in capsys.readouterr().out


def test_without_campaigns_there_is_no_scoreboard(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "--scoreboard"]) == 2
    assert "--campaigns N" in capsys.readouterr().err


def test_a_seed_gives_the_same_judgement_wherever_it_is_played() -> None:
    jobs = [Job(OURS, 4, 24, 3.0, 2, rules=str(RULES)), Job("Nomad", 4, 24, 3.0, 2, "lasting", str(RULES))]
    here = [judged.judgement for judged in judged_all(jobs, processes=1)]
    again = [judged.judgement for judged in judged_all(jobs, processes=1)]
    assert here == again
    assert [each.judge for each in here] == [OURS, "Nomad"]


def test_every_judge_can_be_built() -> None:
    assert all(callable(build_of(name, str(RULES))) for name in (OURS, *baselines()))
