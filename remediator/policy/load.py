"""A rules folder in, one frozen policy out, or everything that is wrong with it."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from remediator.model.alert import Group
from remediator.model.errors import BadInput, Problem
from remediator.model.policy import Limits, Playbook, Policy
from remediator.policy.build import build_groups, build_limits, build_playbook
from remediator.policy.ceilings import loosened
from remediator.policy.lint import Known, destructive, lint_groups, lint_playbook, lint_shape, lint_unused
from remediator.policy.positions import Document, read_document
from remediator.policy.problems import validate
from remediator.policy.schema import AlertFile, LimitsFile, PlaybookFile
from remediator.policy.steps import Actions, read_steps


@dataclass(frozen=True, slots=True)
class Reading:
    """What a folder holds, as far as it could be read, with every problem and warning."""

    policy: Policy
    problems: tuple[Problem, ...] = ()


@dataclass(slots=True)
class _Folder:
    """The folder while it is being read."""

    root: Path
    actions: Actions
    problems: list[Problem] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)

    def document(self, path: Path) -> Document | None:
        try:
            return read_document(path)
        except BadInput as error:
            self.problems += error.problems
            return None

    def files(self, part: str) -> list[Path]:
        folder = self.root / part
        if not folder.is_dir():
            self.problems.append(Problem(str(folder), 0, 0, "the folder is missing"))
            return []
        return sorted(path for path in folder.iterdir() if path.suffix in (".yml", ".yaml"))


def load_policy(folder: Path, actions: Actions, liveness: str = "host_dead") -> Policy:
    """Read rules/alerts, rules/playbooks and rules/limits.yml; warnings do not stop it.

    Raises:
        BadInput: with every error found.
    """
    reading = read_policy(folder, actions, liveness)
    errors = [problem for problem in reading.problems if problem.severity == "error"]
    if errors:
        raise BadInput(errors)
    return reading.policy


def read_policy(folder: Path, actions: Actions, liveness: str = "host_dead") -> Reading:
    """As much of the folder as can be read, and all that is wrong; ``liveness`` is used without a rule."""
    state = _Folder(folder, actions)
    if not folder.is_dir():
        return Reading(Policy(), (Problem(str(folder), 0, 0, "the rules folder is missing"),))
    limits = _limits(state)
    playbooks, documents = _playbooks(state, limits)
    groups = _groups(state, playbooks)
    state.problems += lint_unused(documents, groups, liveness)
    if liveness not in state.names:
        message = f"playbook {liveness!r}, which the settings name for dead hosts, is missing"
        state.problems.append(Problem(str(folder / "playbooks"), 0, 0, message))
    policy = Policy(groups, playbooks, limits, _digest(folder))
    return Reading(policy, tuple(sorted(state.problems)))


def _limits(state: _Folder) -> Limits:
    document = state.document(state.root / "limits.yml")
    if document is None:
        return Limits()
    fields, problems = validate(LimitsFile, document)
    state.problems += problems
    return build_limits(fields) if fields else Limits()


def _playbooks(state: _Folder, limits: Limits) -> tuple[dict[str, Playbook], dict[str, Document]]:
    playbooks: dict[str, Playbook] = {}
    documents: dict[str, Document] = {}
    for path in state.files("playbooks"):
        # A broken file still counts as a known name: one mistake is to be told once.
        state.names[path.stem] = str(path)
        document = state.document(path)
        playbook = _playbook(state, document, limits, path) if document else None
        if document and playbook:
            playbooks[playbook.name] = playbook
            documents[playbook.name] = document
    return playbooks, documents


def _playbook(state: _Folder, document: Document, limits: Limits, path: Path) -> Playbook | None:
    fields, problems = validate(PlaybookFile, document)
    state.problems += problems
    raw = document.value.get("steps") if isinstance(document.value, dict) else None
    steps, wrong = read_steps(document, raw if isinstance(raw, list) else [], state.actions)
    state.problems += wrong
    if fields is None:
        return None
    if fields.playbook != path.stem:
        message = f"must be {path.stem!r}, as its file is named"
        state.problems.append(document.problem(("playbook",), message))
    destroys = destructive(steps, state.actions)
    playbook = build_playbook(fields, steps, limits, destructive=destroys, file=_shown(state.root, path))
    state.problems += loosened(playbook, limits, document, destructive=destroys)
    state.problems += lint_playbook(playbook, document, state.actions)
    return playbook


def _groups(state: _Folder, playbooks: Mapping[str, Playbook]) -> tuple[Group, ...]:
    known = Known(playbooks, frozenset(state.names), state.actions)
    groups: list[Group] = []
    for path in state.files("alerts"):
        document = state.document(path)
        if document:
            groups += _file_groups(state, document, known, _shown(state.root, path))
    return tuple(groups)


def _file_groups(state: _Folder, document: Document, known: Known, file: str) -> tuple[Group, ...]:
    fields, problems = validate(AlertFile, document)
    state.problems += problems
    if fields is None:
        return ()
    for index, group in enumerate(fields.groups):
        for number, rule in enumerate(group.rules):
            raw = rule.model_dump(by_alias=True, exclude_unset=True)
            state.problems += lint_shape(raw, document, ("groups", index, "rules", number))
    built = build_groups(fields, document, file)
    state.problems += lint_groups(built, document, known)
    return built


def _shown(root: Path, path: Path) -> str:
    return path.relative_to(root).as_posix()


def _digest(folder: Path) -> str:
    """One hash over every file's name and bytes: decisions record which policy they were made under."""
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*.y*ml")):
        if path.is_file():
            total.update(_shown(folder, path).encode() + b"\0")
            total.update(hashlib.sha256(_bytes(path)).digest())
    return total.hexdigest()


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
