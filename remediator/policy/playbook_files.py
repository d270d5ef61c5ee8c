"""One file under rules/playbooks/ as a playbook with every guard in place."""

from dataclasses import dataclass

from remediator.model.errors import Problem
from remediator.model.policy import Limits, Playbook
from remediator.policy.build import build_playbook
from remediator.policy.ceilings import loosened
from remediator.policy.kept import Content
from remediator.policy.lint.playbooks import destructive, lint_playbook, own_verdicts
from remediator.policy.problems import validate
from remediator.policy.schema import LONGEST_LADDER, PlaybookFile
from remediator.policy.steps import Actions, read_steps
from remediator.policy.yaml.positions import Document


@dataclass(frozen=True, eq=False, slots=True)
class PlaybookPart:
    """What one file gives; ``playbook`` is None where a field that it needs cannot be read."""

    document: Document | None
    playbook: Playbook | None
    problems: tuple[Problem, ...]


def read_playbook_file(content: Content, stem: str, file: str, limits: Limits, actions: Actions) -> PlaybookPart:
    """The playbook of one file, built and held against ``limits``."""
    document = content.document
    if document is None:
        return PlaybookPart(None, None, content.problems)
    fields, problems = validate(PlaybookFile, document)
    raw = document.value.get("steps") if isinstance(document.value, dict) else None
    steps, wrong = read_steps(document, raw[:LONGEST_LADDER] if isinstance(raw, list) else [], actions)
    told = [*content.problems, *problems, *wrong]
    if fields is None:
        return PlaybookPart(document, None, tuple(told))
    if fields.playbook != stem:
        told.append(document.problem(("playbook",), f"must be {stem!r}, as its file is named", check="playbook/name"))
    destroys = destructive(steps, actions)
    playbook = build_playbook(fields, steps, limits, destructive=destroys, file=file)
    own = destroys and own_verdicts(steps, actions)
    told += loosened(playbook, limits, document, destructive=destroys, own_verdict=own)
    told += lint_playbook(playbook, document, actions)
    return PlaybookPart(document, playbook, tuple(told))
