"""What is wrong with rules and playbooks although each file is well-formed."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from remediator.model.alert import Group, Rule
from remediator.model.errors import Problem
from remediator.model.policy import Kind, Mode, Playbook, Step
from remediator.policy import promql
from remediator.policy.positions import Document, Where
from remediator.policy.problems import did_you_mean
from remediator.policy.steps import Actions, flat

NO_PLAYBOOK = "none"
_USED_LABEL = re.compile(r"(?:\$labels|\.Labels)\.(\w+)")
_USED_VALUE = re.compile(r"\$value|\.Value")
_LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")

Finding = tuple[Where, str]


@dataclass(frozen=True, slots=True)
class Known:
    """What a rule is checked against; ``names`` also holds playbooks whose files are broken."""

    playbooks: Mapping[str, Playbook]
    names: frozenset[str]
    actions: Actions


def destructive(steps: tuple[Step, ...], actions: Actions) -> bool:
    """Whether any of the steps destroys."""
    return any(actions[step.action].kind is Kind.DESTRUCTIVE for _, step in flat(steps))


def lint_groups(groups: tuple[Group, ...], document: Document, known: Known) -> list[Problem]:
    """Everything wrong with one rule file's groups."""
    counts = Counter(group.name for group in groups)
    problems = [
        document.problem(("groups", index, "name"), f"group {group.name!r} is given more than once")
        for index, group in enumerate(groups)
        if counts[group.name] > 1
    ]
    for index, group in enumerate(groups):
        if not group.interval:
            problems.append(document.problem(("groups", index, "interval"), "must be longer than 0"))
        for number, rule in enumerate(group.rules):
            base = ("groups", index, "rules", number)
            problems += [document.problem((*base, *where), text) for where, text in _rule(rule, known)]
    return problems


def lint_shape(raw: Any, document: Document, base: Where) -> list[Problem]:
    """A rule is an alert or a recording, and a recording has no alert's fields."""
    if bool(raw.get("alert")) == bool(raw.get("record")):
        return [document.problem(base, "a rule has either 'alert' or 'record'")]
    wrong = [name for name in ("for", "keep_firing_for", "annotations") if raw.get("record") and name in raw]
    return [document.problem((*base, name), "a recording rule has no such field", at_key=True) for name in wrong]


def lint_playbook(playbook: Playbook, document: Document, actions: Actions) -> list[Problem]:
    """Steps that cannot act on the target, and questions that never end."""
    found = [
        (where, f"action {step.action!r} acts on a {needs}, but the target is {playbook.target!r}")
        for where, step in flat(playbook.steps)
        if (needs := actions[step.action].needs_label) and needs != playbook.target
    ]
    if not playbook.ask and _asks(playbook):
        found.append(((), "ask: is missing: where people are asked, say when it expires and what then"))
    return [document.problem(where, text) for where, text in found]


def lint_unused(playbooks: Mapping[str, Document], groups: tuple[Group, ...], always: str = "") -> list[Problem]:
    """A warning for each playbook that no rule asks for; ``always`` is the one that direct evidence asks for."""
    used = {rule.labels.get("playbook", "") for group in groups for rule in group.rules} | {always}
    return [
        document.problem(("playbook",), f"no rule asks for playbook {name!r}", severity="warning")
        for name, document in playbooks.items()
        if name not in used
    ]


def _asks(playbook: Playbook) -> bool:
    asked = any("ask" in step.params.values() for _, step in flat(playbook.steps))
    return playbook.mode is Mode.APPROVE or asked or playbook.verify.get("otherwise") == "ask"


def _rule(rule: Rule, known: Known) -> Iterator[Finding]:
    try:
        labels = promql.output_labels(promql.parse(rule.expr))
    except promql.BadExpression as error:
        yield ("expr",), str(error)
        labels = promql.ANYTHING
    if not rule.recording:
        labels = labels.plus(frozenset(rule.labels))
        yield from _name(rule)
        yield from _playbook(rule, labels, known)
        yield from _templates(rule, labels)


def _name(rule: Rule) -> Iterator[Finding]:
    if not _LABEL_NAME.fullmatch(rule.name):
        yield ("alert",), f"{rule.name!r}: an alert's name is made of letters, digits and underscores"


def _playbook(rule: Rule, labels: promql.Labels, known: Known) -> Iterator[Finding]:
    name = rule.labels.get("playbook", "")
    if not name:
        yield (), "labels: playbook is missing; write 'playbook: none' for an alert that only people act on"
    elif name != NO_PLAYBOOK and name not in known.names:
        meant = did_you_mean(name, known.names)
        yield ("labels", "playbook"), f"unknown playbook {name!r}{meant}"
    elif name in known.playbooks:
        yield from _fits(rule, labels, known.playbooks[name], known.actions)


def _fits(rule: Rule, labels: promql.Labels, playbook: Playbook, actions: Actions) -> Iterator[Finding]:
    needed = {playbook.target} | {actions[step.action].needs_label for _, step in flat(playbook.steps)} - {""}
    missing = sorted(label for label in needed if not labels.may_have(label))
    if missing:
        yield ("expr",), f"its result has no label {missing[0]!r}, which playbook {playbook.name!r} acts on"
    if not rule.hold_for and destructive(playbook.steps, actions):
        yield (), f"for: is missing: playbook {playbook.name!r} destroys, so one sample must not be enough"


def _templates(rule: Rule, labels: promql.Labels) -> Iterator[Finding]:
    for name, text in rule.labels.items():
        if _USED_VALUE.search(text):
            yield ("labels", name), "a value in a label makes a new alert of every change: put it in an annotation"
    texts = [("labels", *item) for item in rule.labels.items()]
    texts += [("annotations", *item) for item in rule.annotations.items()]
    for kind, name, text in texts:
        for used in _USED_LABEL.findall(text):
            if used != "alertname" and not labels.may_have(used):
                yield (kind, name), f"the expression's result has no label {used!r}"
