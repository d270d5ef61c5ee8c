"""A playbook's ladder: names of actions with their parameters, checked by the actions' own models."""

from collections.abc import Iterator, Mapping
from typing import Any

from remediator.actions.spec import ActionSpec
from remediator.model.errors import Problem
from remediator.model.policy import Step
from remediator.policy.problems import did_you_mean, validate
from remediator.policy.yaml.positions import Document, Where

Actions = Mapping[str, ActionSpec]


def read_steps(document: Document, raw: list[Any], actions: Actions) -> tuple[tuple[Step, ...], list[Problem]]:
    """Every step that could be read, and everything that is wrong with the others."""
    reader = _Steps(document, actions)
    found = [reader.rung(("steps", index), step) for index, step in enumerate(raw)]
    return tuple(step for step in found if step), reader.problems


def flat(steps: tuple[Step, ...]) -> Iterator[tuple[Where, Step]]:
    """Every step with its path, also those that run beside another."""
    for index, step in enumerate(steps):
        yield ("steps", index), step
        if step.meanwhile:
            yield ("steps", index, "meanwhile"), step.meanwhile


class _Steps:
    def __init__(self, document: Document, actions: Actions) -> None:
        self.document = document
        self.actions = actions
        self.problems: list[Problem] = []

    def rung(self, where: Where, raw: Any) -> Step | None:
        if not isinstance(raw, dict) or "meanwhile" not in raw:
            return self.step(where, raw)
        beside = self.step((*where, "meanwhile"), raw["meanwhile"])
        step = self.step(where, {key: value for key, value in raw.items() if key != "meanwhile"})
        return Step(step.action, step.params, beside) if step else None

    def step(self, where: Where, raw: Any) -> Step | None:
        if isinstance(raw, str):
            return self.action(where, where, raw, {})
        if not isinstance(raw, dict) or len(raw) != 1:
            message = "a step is an action's name, or one action with its parameters (and 'meanwhile' beside it)"
            self.problems.append(self.document.problem(where, message, check="schema/action"))
            return None
        name, params = next(iter(raw.items()))
        return self.action(where, (*where, name), name, params)

    def action(self, where: Where, place: Where, name: str, params: Any) -> Step | None:
        spec = self.actions.get(name)
        if spec is None:
            message = f"unknown action {name!r}{did_you_mean(name, self.actions)}"
            self.problems.append(self.document.problem(where, message, at_key=True, check="schema/action"))
            return None
        checked, problems = validate(spec.params, self.document, place, params if params is not None else {})
        self.problems += problems
        return Step(name, checked.model_dump()) if checked else None
