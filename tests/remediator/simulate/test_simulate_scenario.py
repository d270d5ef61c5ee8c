"""Playbook scenarios: what is wrong with a file, and what is told when the engine decides otherwise."""

import textwrap
from functools import cache
from pathlib import Path

import msgspec
import pytest

from remediator.actions import ACTIONS
from remediator.engine.again import again
from remediator.model.decision import Decision
from remediator.model.errors import BadInput
from remediator.model.policy import Policy
from remediator.policy.load import load_policy
from remediator.simulate.report import Outcome
from remediator.simulate.scenarios.run import Verdict, judged, run
from remediator.simulate.scenarios.scenario import Scenario, read_file, read_scenarios
from remediator.simulate.scenarios.schema import OUTCOMES

pytestmark = pytest.mark.slow

RULES = Path(__file__).parents[3] / "rules"


@cache
def shipped() -> Policy:
    return load_policy(RULES, ACTIONS)


def read(folder: Path, text: str) -> list[Scenario]:
    path = folder / "scenarios.yml"
    path.write_text("playbook: host_dead\nscenarios:\n" + textwrap.indent(textwrap.dedent(text), "  "))
    return read_file(path, shipped(), ACTIONS)


def played(folder: Path, text: str) -> Verdict:
    (scenario,) = read(folder, text)
    return run(scenario, shipped(), ACTIONS, "host_dead")


def problems(folder: Path, text: str) -> list[str]:
    with pytest.raises(BadInput) as caught:
        read(folder, text)
    return [f"{each.line}:{each.column} {each.message}" for each in caught.value.problems]


SILENT = """
    - name: silent
      machines: {h1: [web-1]}
      events:
        - {at: 5s, silent: h1}
"""


@pytest.mark.parametrize(
    "scenario", read_scenarios(RULES, shipped(), ACTIONS), ids=lambda s: f"{s.playbook}: {s.name}"
)
def test_shipped_scenario(scenario: Scenario) -> None:
    verdict = run(scenario, shipped(), ACTIONS, "host_dead")
    assert verdict.failures == ()
    written = [msgspec.json.encode(each.decision) for each in verdict.told]
    decisions = [msgspec.convert(msgspec.json.decode(text), Decision) for text in written]
    # Each follows from its recorded facts again, bit for bit.
    assert [(each, again(each)) for each in decisions if again(each) != (each.outcome, each.reason)] == []


@pytest.mark.parametrize("playbook", sorted(shipped().playbooks))
def test_each_shipped_playbook_is_shown_acting_and_holding(playbook: str) -> None:
    mine = [each for each in read_scenarios(RULES, shipped(), ACTIONS) if each.playbook == playbook]
    outcomes = {outcome for each in mine for e in each.fields.expect for outcome in OUTCOMES if getattr(e, outcome)}
    assert "act" in outcomes, "no scenario in which it acts"
    assert "hold" in outcomes, "no scenario in which a guard holds it"


def test_every_mistake_is_told_with_its_place(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        """
        - name: one
          machines: {h9: [web-1]}
          modes: {host_ded: auto}
          events:
            - {at: 5s, silent: h7}
            - {at: 5s, fires: HostDed, host: h1}
          expect:
            - {by: 8s, act: recreat, target: h1}
        - name: one
          tick: 1ms
          until: 1h
        """,
    )
    assert [line.split(" ", 1)[1] for line in found] == [
        "scenarios.machines.h9: unknown host 'h9'",
        "scenarios.modes.host_ded: unknown playbook 'host_ded' (did you mean 'host_dead'?)",
        "scenarios.events.silent: unknown host 'h7'",
        "scenarios.events.fires: unknown alert 'HostDed' (did you mean 'HostDead'?)",
        "scenarios.expect.act: unknown action 'recreat' (did you mean 'recreate'?)",
        "scenarios: takes more than 20000 ticks: end it earlier (until), or decide less often (tick)",
        "scenarios.name: a scenario named 'one' was given before",
    ]
    assert [line.split(" ", 1)[0] for line in found][:5] == ["5:16", "6:13", "8:26", "9:25", "11:23"]


def test_an_event_has_one_verb_and_an_expectation_one_outcome(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        """
        - name: one
          events:
            - {at: 5s, silent: h1, gate: closed}
            - {at: 5s, silent: h1, host: h2}
          expect:
            - {at: 5s, by: 6s, act: recreate}
            - {target: h1}
            - {act: recreate, tarjet: h1}
        """,
    )
    assert [line.split(": ", 1)[1] for line in found] == [
        "an event has exactly one verb, this has silent, gate",
        "host and labels name an alert's target; silent takes none",
        "at is an exact time: leave out by and after",
        "names exactly one of act, hold, ask, shadow, this has none",
        "unknown field (did you mean 'target'?)",
    ]


def test_what_did_not_come_is_told_with_what_came_nearest(tmp_path: Path) -> None:
    verdict = played(
        tmp_path, SILENT + "      expect:\n        - {by: 6s, act: recreate, target: h1}\n      until: 20s\n"
    )
    (failure,) = verdict.failures
    assert failure.splitlines() == [
        "expected: act recreate on h1 by host_dead by 6s",
        "     nearest: 8s act recreate on h1 by host_dead",
        "     differs: time",
    ]


def test_a_quiet_fleet_decides_nothing_at_all(tmp_path: Path) -> None:
    verdict = played(tmp_path, "- name: quiet\n  expect: [{by: 5s, act: any}]\n")
    assert verdict.told == ()
    assert verdict.failures == ("expected: act any by host_dead by 5s\n         got: nothing was decided at all",)


@pytest.mark.parametrize(
    ("exactly", "surplus"), [("acts", ["mark_host_dead", "recreate"]), ("all", ["mark_host_dead", "recreate"])]
)
def test_exactly_names_whatever_was_not_expected(tmp_path: Path, exactly: str, surplus: list[str]) -> None:
    verdict = played(tmp_path, f"{SILENT}      exactly: {exactly}\n      until: 20s\n")
    assert [failure.split(" on h1")[0] for failure in verdict.failures] == [
        f"not expected: 8s act {action}" for action in surplus
    ]


def test_exactly_acts_lets_holds_pass_and_exactly_all_does_not(tmp_path: Path) -> None:
    held = SILENT + "      maintenance: {h1: 1h}\n      until: 20s\n"
    assert played(tmp_path, f"{held}      exactly: acts\n").failures == ()
    assert "Maintenance" in played(tmp_path, f"{held}      exactly: all\n").failures[0]


def test_never_is_told_with_what_came(tmp_path: Path) -> None:
    verdict = played(
        tmp_path, SILENT + "      never:\n        - {act: recreate, machines: [web-1]}\n      until: 20s\n"
    )
    assert verdict.failures == (
        "never expected: act recreate by host_dead for web-1\n         got: 8s act recreate on h1 by host_dead",
    )


def test_the_result_of_a_test_says_where_it_stands(tmp_path: Path) -> None:
    (scenario,) = read(tmp_path, SILENT)
    ended = judged(scenario, shipped(), ACTIONS, "host_dead")
    assert (ended.outcome, ended.name, ended.line) == (Outcome.PASSED, "host_dead: silent", 4)
