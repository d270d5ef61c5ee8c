"""The runner and the arithmetic of the demo's figures; no benchmark is run here."""

import json
from pathlib import Path

import pytest

from tests.bench.demo import Story, read_story, summed_up
from tests.bench.figure import Figure, at_most
from tests.bench.report import KEPT, ROOT, as_json, page
from tests.bench.runner import benchmarks, load, main


def story(dead: float, wrong_kills: int = 0) -> Story:
    return {
        "ok": True,
        "power_cut_to_dead_s": dead,
        "power_cut_to_replaced_s": 9.0,
        "power_cut_to_restored_s": 9.5,
        "return_to_undead_gone_s": 0.4,
        "wrong_kills": wrong_kills,
    }


def by_name(figures: list[Figure]) -> dict[str, Figure]:
    return {figure.name: figure for figure in figures}


def test_the_list_names_each_benchmark_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(benchmarks())
    assert any(line.startswith("demo ") and "dead host" in line for line in lines)


def test_every_benchmark_says_what_it_measures() -> None:
    assert all(benchmarks().values())


@pytest.mark.parametrize("arguments", [[], ["unknown"], ["demo", "--runs", "0"]])
def test_a_wrong_call_ends_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "Traceback" not in capsys.readouterr().err


def test_spans_are_medians() -> None:
    figures = by_name(summed_up([story(5.0), story(7.0), story(60.0)]))
    assert figures["power_cut_to_dead_s"] == Figure("power_cut_to_dead_s", 7.0, "s", "<= 8", holds=True)


def test_one_wrong_kill_in_one_run_is_one_too_many() -> None:
    figures = by_name(summed_up([story(5.0), story(5.0, wrong_kills=1)]))
    assert not figures["wrong_kills"].holds


def test_a_failed_run_holds_nothing() -> None:
    figures = summed_up([story(5.0), None])
    assert by_name(figures)["power_cut_to_dead_s"].value == 5.0
    assert not any(figure.holds for figure in figures)


def test_without_a_whole_run_nothing_is_measured() -> None:
    assert {(figure.value, figure.holds) for figure in summed_up([None])} == {(None, False)}


@pytest.mark.parametrize("text", ["", "[]", json.dumps(story(5.0) | {"ok": False}), json.dumps({"ok": True})])
def test_a_story_that_is_not_whole_is_a_failed_run(text: str, tmp_path: Path) -> None:
    (tmp_path / "out.json").write_text(text, encoding="utf-8")
    assert read_story(tmp_path / "out.json") is None


def test_a_whole_story_is_read(tmp_path: Path) -> None:
    (tmp_path / "out.json").write_text(json.dumps(story(5.0)), encoding="utf-8")
    assert read_story(tmp_path / "out.json") == story(5.0)


def test_the_json_has_the_agreed_fields() -> None:
    document = json.loads(as_json([at_most("a", 1.0, "s", 2.0)], full=True))
    figure = {"name": "a", "value": 1.0, "unit": "s", "target": "<= 2", "holds": True, "peer": ""}
    assert (document["full"], document["figures"]) == (True, [figure])


def test_a_kept_result_says_what_it_is_of_and_what_falls_short(tmp_path: Path) -> None:
    (tmp_path / "engine_x.json").write_text(as_json([at_most("seconds", 3.0, "s", 2.0)], full=False))
    assert "| seconds | 3 | s | <= 2 | **no** | |" in page(tmp_path).splitlines()


def test_the_page_of_figures_is_made_of_what_is_kept() -> None:
    assert (ROOT / "docs" / "figures.md").read_text() == page(KEPT)


def test_full_goes_to_those_that_take_it() -> None:
    assert getattr(load("engine_campaigns", full=True), "keywords", None) == {"full": True}
    assert getattr(load("demo", full=True), "keywords", None) is None
