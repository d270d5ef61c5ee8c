"""A decision made again from its recorded facts is the same, bit for bit; other facts give another word."""

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from remediator.actions import ACTIONS
from remediator.engine.again import again
from remediator.model.decision import Decision, DecisionOutcome
from remediator.policy.load import load_policy
from remediator.simulate.scenarios.run import run
from remediator.simulate.scenarios.scenario import read_scenarios
from tests.remediator.builders import NOON

RULES = Path(__file__).parents[3] / "rules"
POLICY = load_policy(RULES, ACTIONS)
SCENARIOS = {each.name: each for each in read_scenarios(RULES, POLICY, ACTIONS) if each.playbook == "host_dead"}


def decisions(name: str) -> list[Decision]:
    """As the journal gives them back."""
    told = run(SCENARIOS[name], POLICY, ACTIONS, "host_dead").told
    return [msgspec.convert(msgspec.json.decode(msgspec.json.encode(each.decision)), Decision) for each in told]


def changed(decision: Decision, guard: str, **facts: object) -> Decision:
    read = decision.facts["guards"]
    return replace(decision, facts={**decision.facts, "guards": {**read, guard: {**read.get(guard, {}), **facts}}})


def test_the_words_follow_from_the_facts_and_are_not_copied() -> None:
    (held, *_) = decisions("a host in maintenance is nobody's business")
    assert (held.outcome, held.reason) == again(held) == (DecisionOutcome.HOLD, "Maintenance")
    assert again(changed(held, "maintenance", over=True)) == (DecisionOutcome.ASK, "MaintenanceOver")
    acts = [each for each in decisions("power is lost, proved by the BMC; the work is placed elsewhere and the"
                                       " originals are condemned") if each.action == "recreate"]  # fmt: skip
    assert again(acts[0]) == (DecisionOutcome.ACT, "Acting")
    assert again(changed(acts[0], "evidence", outside=1)) == (DecisionOutcome.HOLD, "QuorumTooSmall")
    assert again(changed(acts[0], "gate", open=False, why="x", witnesses=["direct", "power"], before="h9")) == (
        DecisionOutcome.HOLD, "GateClosedOneAtATime",
    )  # fmt: skip
    full = replace(acts[0], facts={**acts[0].facts, "plan": {"effects": 1, "placed": 0}})
    assert again(full) == (DecisionOutcome.HOLD, "NoRoom")


@pytest.mark.parametrize(
    ("question", "word"),
    [
        ({"answer": "asked", "late": False, "then": "hold_and_page"}, (DecisionOutcome.ASK, "NeedsApproval")),
        ({"answer": "denied", "late": False, "then": "hold_and_page"}, (DecisionOutcome.HOLD, "Denied")),
        ({"answer": "expired", "late": True, "then": "hold_and_page"}, (DecisionOutcome.HOLD, "QuestionExpired")),
        ({"answer": "asked", "late": True, "then": "next_rung"}, (DecisionOutcome.HOLD, "NextRung")),
    ],
)
def test_what_a_question_came_to_is_made_again_too(question: dict[str, object], word: tuple[str, str]) -> None:
    asked = next(each for each in decisions("in approve it asks") if each.action == "recreate")
    assert again(replace(asked, facts={**asked.facts, "question": question})) == word
    said = {"approved": ["NeedsApproval"], "plan": {"effects": 1, "placed": 1}}
    assert again(replace(asked, facts={**asked.facts, **said})) == (
        DecisionOutcome.ACT, "Acting",
    )  # fmt: skip


def test_a_guard_that_failed_fails_again_and_one_from_before_says_nothing() -> None:
    asked = decisions("in approve it asks")[0]
    failed = replace(asked, facts={"guards": {"budgets": {"failed": "KeyError"}}})
    assert again(failed) == (DecisionOutcome.HOLD, "GuardFailed")
    old = Decision("1", NOON, "p", "h1", "cordon", DecisionOutcome.ACT, "Acting", "", {"gate_open": True})
    assert again(old) is None
