"""A scenario run and judged: what was expected and did not come, and what came and was not expected."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from remediator.actions.spec import ActionSpec
from remediator.engine.guards.table import ALL, Guarding
from remediator.model.decision import Decision, DecisionOutcome
from remediator.model.policy import Policy
from remediator.simulate.report import Ended, Outcome
from remediator.simulate.scenarios.scenario import Scenario
from remediator.simulate.scenarios.schema import OUTCOMES, ExpectFields
from remediator.simulate.scenarios.world import World, moments

ANY = "any"


@dataclass(frozen=True, slots=True)
class Told:
    """One decision and when it was taken, from the scenario's beginning."""

    at: timedelta
    decision: Decision

    def __str__(self) -> str:
        each = self.decision
        why = "" if each.outcome is DecisionOutcome.ACT else f" ({each.reason}: {each.text})"
        return f"{clock(self.at)} {each.outcome} {each.action} on {each.target} by {each.playbook}{why}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a scenario ended; ``failures`` are empty when all came as expected, ``told`` is what was decided."""

    scenario: Scenario
    failures: tuple[str, ...]
    told: tuple[Told, ...]


def run(
    scenario: Scenario, policy: Policy, actions: Mapping[str, ActionSpec], liveness: str, guarding: Guarding = ALL
) -> Verdict:
    """Play the scenario through the real engine, and hold what it decided against what is expected."""
    told = tuple(_played(scenario, World(scenario, policy, actions, liveness, guarding)))
    fields = scenario.fields
    failures = [_missing(scenario, each, told) for each in fields.expect if not _first(scenario, each, told)]
    failures += [
        f"never expected: {_words(scenario, each)}\n         got: {found}"
        for each in fields.never
        if (found := _first(scenario, each, told))
    ]
    failures += [f"not expected: {each}" for each in told if _surplus(scenario, each)]
    return Verdict(scenario, tuple(failures), told)


def judged(scenario: Scenario, policy: Policy, actions: Mapping[str, ActionSpec], liveness: str) -> Ended:
    """The run as one test's result."""
    verdict = run(scenario, policy, actions, liveness)
    outcome = Outcome.FAILED if verdict.failures else Outcome.PASSED
    text = "\n".join(verdict.failures)
    return Ended("playbooks", f"{scenario.playbook}: {scenario.name}", outcome, text, scenario.file, scenario.line)


def clock(passed: timedelta) -> str:
    """A time in the scenario: ``4s``, ``0.5s``, ``130s``."""
    return f"{passed.total_seconds():g}s"


def _played(scenario: Scenario, world: World) -> list[Told]:
    """Every act, and every hold when it begins or changes, as the runtime records them."""
    coming = sorted(scenario.fields.events, key=lambda event: event.at)
    standing: dict[tuple[str, str, str], tuple[str, ...]] = {}
    told: list[Told] = []
    for passed in moments(scenario):
        now = world.start + passed
        while coming and coming[0].at <= passed:
            world.happens(coming.pop(0), now)
        found = world.tick(now)
        told += [Told(passed, each) for each in found if _is_new(each, standing)]
        standing = {(d.playbook, d.target, d.action): d.sameness for d in found}
    return told


def _is_new(decision: Decision, standing: Mapping[tuple[str, str, str], tuple[str, ...]]) -> bool:
    if decision.outcome is DecisionOutcome.ACT:
        return True
    return standing.get((decision.playbook, decision.target, decision.action)) != decision.sameness


def _first(scenario: Scenario, expected: ExpectFields, told: tuple[Told, ...]) -> Told | None:
    return next((each for each in told if not _differences(scenario, expected, each)), None)


def _differences(scenario: Scenario, expected: ExpectFields, told: Told) -> list[str]:
    """In which points a decision is not the expected one."""
    decision = told.decision
    outcome, action = _outcome(expected)
    playbook = expected.playbook or scenario.playbook
    wrong = ["outcome"] * (decision.outcome.value != outcome)
    wrong += ["action"] * (action not in (ANY, decision.action))
    wrong += ["target"] * (expected.target not in (None, decision.target))
    wrong += ["playbook"] * (decision.playbook != playbook)
    wrong += ["reason"] * (expected.reason not in (None, decision.reason))
    wrong += ["time"] * (not _in_time(expected, told.at))
    wrong += ["machines"] * (not set(expected.machines or ()) <= _machines(decision))
    return wrong


def _in_time(expected: ExpectFields, at: timedelta) -> bool:
    if expected.at is not None:
        return at == expected.at
    return expected.after <= at and (expected.by is None or at <= expected.by)


def _machines(decision: Decision) -> set[str]:
    """Whom the effects name: their keys are a verb and its subjects, parted by colons."""
    return {part for effect in decision.effects for part in effect.split(":")[1:]}


def _missing(scenario: Scenario, expected: ExpectFields, told: tuple[Told, ...]) -> str:
    """The expectation, and the decision that came nearest to it."""
    lines = [f"expected: {_words(scenario, expected)}"]
    ranked = sorted((len(_differences(scenario, expected, each)), each.at, index) for index, each in enumerate(told))
    if not ranked:
        return "\n".join([*lines, "         got: nothing was decided at all"])
    nearest = told[ranked[0][2]]
    wrong = ", ".join(_differences(scenario, expected, nearest))
    return "\n".join([*lines, f"     nearest: {nearest}", f"     differs: {wrong}"])


def _words(scenario: Scenario, expected: ExpectFields) -> str:
    outcome, action = _outcome(expected)
    when = [f"at {clock(expected.at)}"] if expected.at is not None else []
    when += [f"after {clock(expected.after)}"] if expected.after else []
    when += [f"by {clock(expected.by)}"] if expected.by is not None else []
    parts = [outcome, action, f"on {expected.target}" if expected.target else ""]
    parts += [f"by {expected.playbook or scenario.playbook}", f"({expected.reason})" if expected.reason else ""]
    parts += [f"for {', '.join(expected.machines)}" if expected.machines else ""]
    return " ".join(part for part in (*parts, *when) if part)


def _outcome(expected: ExpectFields) -> tuple[str, str]:
    return next((each, getattr(expected, each)) for each in OUTCOMES if getattr(expected, each) is not None)


def _surplus(scenario: Scenario, told: Told) -> bool:
    """A decision that the scenario rules out, since nothing in it expects it."""
    exactly = scenario.fields.exactly
    if exactly is None or (exactly == "acts" and told.decision.outcome is DecisionOutcome.HOLD):
        return False
    return all(_differences(scenario, each, told) for each in scenario.fields.expect)
