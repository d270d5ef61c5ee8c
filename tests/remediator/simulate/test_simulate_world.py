"""The simulated world: stories read or refused, runs that repeat, faults that do what they say, small failures."""

import dataclasses
from datetime import timedelta
from pathlib import Path

import pytest

from remediator.cli import main
from remediator.commands.simulate_runs import book_of
from remediator.model.errors import BadInput
from remediator.simulate.world.campaign import random_story
from remediator.simulate.world.play import COARSER, play
from remediator.simulate.world.record import Act, Run
from remediator.simulate.world.score import Score, score
from remediator.simulate.world.shrink import shrunk
from remediator.simulate.world.story import Story, read_story
from remediator.simulation.ours import Book, builder

ROOT = Path(__file__).parents[3]
FLEET = """\
story: "a test"
hosts: {arn: {r1: [h2, h1], r2: [h3, h4], r3: [h5, h6]}}
machines: {h1: [web-1], h3: [api-1]}
"""


@pytest.fixture(scope="module")
def book() -> Book:
    return book_of(ROOT)


def _story(folder: Path, rest: str, fleet: str = FLEET) -> Story:
    file = folder / "scenario.yaml"
    file.write_text(fleet + rest, encoding="utf-8")
    return read_story(file)


def _played(folder: Path, rest: str, book: Book) -> tuple[Run, Score]:
    run = play(_story(folder, rest), builder(book))
    return run, score(run)


def _wrong(folder: Path, rest: str) -> list[str]:
    with pytest.raises(BadInput) as error:
        _story(folder, rest)
    return [str(problem).removeprefix(str(folder)) for problem in error.value.problems]


def test_errors_are_told_all_at_once_with_their_places(tmp_path: Path) -> None:
    told = _wrong(
        tmp_path,
        "faults:\n  - {power: region:arm, at: 5s}\n  - {link: h1, at: 9m}\nasks:\n  - {destroy: web-9, at: 1s}\n",
    )
    assert told == [
        "/scenario.yaml:5:13: faults.power: unknown target 'region:arm' (did you mean 'region:arn'?)",
        "/scenario.yaml:6:20: faults.at: lies after the story's end (until 300 s)",
        "/scenario.yaml:8:15: asks.destroy: unknown machine 'web-9' (did you mean 'web-1'?)",
    ]


def test_unknown_fault_is_told_with_what_was_meant(tmp_path: Path) -> None:
    told = _wrong(tmp_path, "faults:\n  - {powr: h1, at: 5s}\n")
    assert "scenario.yaml:5:6: faults.powr: unknown field (did you mean 'power'?)" in told[0]


def test_fault_has_exactly_one_kind(tmp_path: Path) -> None:
    told = _wrong(tmp_path, "faults:\n  - {power: h1, link: h1, at: 5s}\n")
    assert "a fault has exactly one kind, this has power, link" in told[0]


def test_same_story_and_seed_give_the_same_run(book: Book) -> None:
    story = random_story(11, hosts=40, minutes=3, faults=6)
    assert play(story, builder(book)) == play(story, builder(book))


def test_another_seed_gives_another_story() -> None:
    assert random_story(1, hosts=40).faults != random_story(2, hosts=40).faults


def test_power_loss_is_detected_and_replaced_in_seconds(tmp_path: Path, book: Book) -> None:
    run, scored = _played(tmp_path, "bmc: true\nfaults:\n  - {power: h1, at: 10s}\nuntil: 1m\n", book)
    assert len(scored.detect) == 1
    assert scored.detect[0] < 5
    assert [act.kind for act in run.done.acts] == ["mark_dead", "recreate", "condemn"]
    assert not scored.wrong_kills


def test_truth_and_what_is_observed_are_apart(tmp_path: Path, book: Book) -> None:
    """A host that only the remediator cannot hear runs on, and nobody touches it."""
    run, scored = _played(
        tmp_path, "faults:\n  - {partition: h1, from: remediator, at: 10s, for: 1m}\nuntil: 3m\n", book
    )
    assert [span.begin for span in run.truth.hosts["h1"].reached] == [0.0, 70.0]
    assert run.truth.hosts["h1"].kernel[0].end == float("inf")
    assert not run.done.acts
    assert "unknown" in {stated.status for stated in run.done.stated if stated.host == "h1"}
    assert scored.undetected == 1


def test_without_patience_a_cable_pulled_briefly_is_a_wrong_kill(tmp_path: Path, book: Book) -> None:
    """The score sees what the guard prevents: this test fails when it cannot tell a wrong kill."""
    hasty = dataclasses.replace(
        book.policy, limits=dataclasses.replace(book.policy.limits, patience=timedelta(seconds=1))
    )
    faults = "faults:\n  - {link: h1, at: 10s, for: 40s}\nuntil: 3m\n"
    assert not _played(tmp_path, faults, book)[1].wrong_kills
    _, scored = _played(tmp_path, faults, dataclasses.replace(book, policy=hasty))
    assert len(scored.wrong_kills) == 1
    assert "condemn web-1 on h1" in scored.wrong_kills[0]


def test_destroy_asked_while_its_host_is_away_is_finished_on_return(tmp_path: Path, book: Book) -> None:
    rest = "faults:\n  - {link: h1, at: 10s, for: 1m}\nasks:\n  - {destroy: web-1, at: 30s}\nuntil: 3m\n"
    run, scored = _played(tmp_path, rest, book)
    (request,) = run.done.requests
    assert request.answer == "accepted"
    assert request.finished is not None
    assert request.finished > 70
    assert not scored.lost_requests


def test_remediator_that_dies_and_starts_again_forgets_nothing(tmp_path: Path, book: Book) -> None:
    rest = "faults:\n  - {link: h1, at: 10s, for: 2m}\n  - {remediator_crash: after_commit, at: 31s, for: 20s}\n"
    run, scored = _played(tmp_path, rest + "asks:\n  - {destroy: web-1, at: 32s}\nuntil: 5m\n", book)
    assert len(run.truth.judge_up) == 2
    assert run.done.requests[0].finished is not None
    assert not scored.lost_requests


def test_quiet_time_is_jumped_over(tmp_path: Path, book: Book) -> None:
    run, _ = _played(tmp_path, "faults:\n  - {nic_reset: h1, at: 20h}\nuntil: 24h\n", book)
    assert run.ticks < 2000


@pytest.mark.parametrize("name", ["i02_network_cable", "reboots", "store_out_on_return", "drain_source_dies"])
def test_what_is_not_spoken_of_changes_nothing(name: str, book: Book) -> None:
    """The short cut of the simulator, against a run without it: the same acts on the same targets."""
    story = read_story(ROOT / "tests" / "scenarios" / name / "scenario.yaml")
    sparse, dense = (play(story, builder(book), sparse=sparse) for sparse in (True, False))
    assert [_what(act) for act in sparse.done.acts] == [_what(act) for act in dense.done.acts]
    moments = zip(sparse.done.acts, dense.done.acts, strict=True)
    assert all(abs(one.at - other.at) <= COARSER for one, other in moments)


def _what(act: Act) -> tuple[str, ...]:
    return (act.kind, act.host, act.line, act.target, act.playbook)


def test_failing_story_shrinks_to_the_fault_that_matters() -> None:
    story = random_story(5, hosts=40, faults=9)
    culprit = story.faults[4]
    small = shrunk(story, lambda candidate: culprit in candidate.faults)
    assert small.faults == (culprit,)
    assert small.wishes == ()


def test_command_updates_and_compares_golden_logs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _story(tmp_path, "faults:\n  - {nic_reset: h1, at: 10s}\nuntil: 1m\n")
    arguments = ["simulate", str(tmp_path), "--rules", str(ROOT), "--quiet"]
    assert main([*arguments, "--update"]) == 0
    assert main(arguments) == 0
    golden = tmp_path / "events.expect"
    golden.write_text(golden.read_text(encoding="utf-8").replace("nic_reset", "something"), encoding="utf-8")
    assert main(arguments) == 1
    assert "-   10.00  fault: something h1" in capsys.readouterr().out


def test_command_plays_campaigns_and_writes_scores(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "scores.json"
    sized = ["--hosts", "24", "--minutes", "2", "--faults", "2", "--json", str(file)]
    assert main(["simulate", "--campaigns", "2", "--rules", str(ROOT), *sized]) == 0
    assert file.read_text(encoding="utf-8").count('"wrong_kills": []') == 2
    assert "2 campaigns, 0 failed" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [[], ["nowhere"], ["x", "--campaigns", "2"]])
def test_wrong_use_is_exit_code_two(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", *arguments, "--rules", str(ROOT)]) == 2
    assert "error:" in capsys.readouterr().err
