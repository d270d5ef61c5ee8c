"""One look at a rules folder: every file that belongs to the policy, what it gives, and all that is wrong.

What did not change since the look before is taken from what was kept.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from remediator.model.alert import Group
from remediator.model.errors import Problem
from remediator.model.policy import Limits, Playbook, Policy
from remediator.policy.alert_files import AlertPart, read_alert_file
from remediator.policy.build import build_limits
from remediator.policy.disable import Comment, read_comments
from remediator.policy.files import stamp
from remediator.policy.kept import Content, Kept, legible
from remediator.policy.lint.everything import Known, lint_asking, lint_metrics, recordings
from remediator.policy.lint.folder import lint_folder
from remediator.policy.lint.playbooks import Site
from remediator.policy.metric_names import FOREIGN, KnownMetrics, known_metrics
from remediator.policy.outcomes import OutcomeTable, read_outcomes, unknown_alerts, with_outcomes
from remediator.policy.playbook_files import PlaybookPart, read_playbook_file
from remediator.policy.problems import validate
from remediator.policy.schema import LimitsFile
from remediator.policy.steps import Actions
from remediator.policy.telling import bounded, honoured, once
from remediator.policy.yaml.positions import Document

LIMITS, OUTCOMES = "limits.yml", "outcomes.yml"
SUFFIXES = (".yml", ".yaml")
# Findings about what no rule does: they say nothing while some rules cannot be read.
BY_ABSENCE = frozenset({"playbook/unused", "rule/dependency"})


@dataclass(frozen=True, slots=True)
class Given:
    """What the reader was told: ``limits`` in force (None: those of the file), ``fleet`` where it is known."""

    root: Path
    actions: Actions
    liveness: str
    limits: Limits | None = None
    fleet: tuple[Site, ...] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """What a folder holds, as far as it could be read, with every problem and warning.

    ``changed`` names the files (within the folder) that differ from the read before, at the first read all;
    ``documents`` has the files that could be parsed under the same names; ``texts`` has every text by its name in
    problems.
    """

    policy: Policy
    problems: tuple[Problem, ...] = ()
    changed: frozenset[str] = frozenset()
    documents: Mapping[str, Document] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)

    @property
    def errors(self) -> tuple[Problem, ...]:
        """What forbids using the policy."""
        return tuple(problem for problem in self.problems if problem.severity == "error")


@dataclass(slots=True)
class Look:
    """The folder while it is being read once; parts go by the file's path within the folder."""

    given: Given
    kept: Kept
    problems: list[Problem] = field(default_factory=list)
    contents: dict[str, Content] = field(default_factory=dict)
    alerts: dict[str, AlertPart] = field(default_factory=dict)
    playbooks: dict[str, PlaybookPart] = field(default_factory=dict)

    def read(self) -> Reading:
        limits = self.read_limits()
        self.read_playbooks(limits)
        table = self.read_table()
        self.read_alerts()
        self.lint_each(self.read_metrics())
        self.lint_all()
        self.check_names()
        policy = Policy(self.groups(table), self.usable(), limits, self.digest())
        documents = {name: one.document for name, one in self.contents.items() if one.document}
        texts = {one.file: one.text for one in self.contents.values() if one.text}
        return Reading(policy, self.told(), self.changed(), documents, texts)

    def content(self, name: str) -> Content:
        self.contents[name] = content = self.kept.content(self.given.root / name)
        return content

    def files(self, part: str) -> list[str]:
        """The YAML files of a part, in order; hidden ones are editors' own."""
        folder = self.given.root / part
        try:
            found = sorted(folder.iterdir())
        except OSError as error:
            missing = isinstance(error, FileNotFoundError)
            message = "the folder is missing" if missing else f"cannot be read: {error.strerror}"
            self.problems.append(Problem(legible(folder), 0, 0, message, check="file/unreadable"))
            return []
        return [f"{part}/{one.name}" for one in found if one.suffix in SUFFIXES and not one.name.startswith(".")]

    def read_limits(self) -> Limits:
        content, in_force = self.content(LIMITS), self.given.limits
        fields, problems = validate(LimitsFile, content.document) if content.document else (None, [])
        self.problems += [*content.problems, *problems]
        said = build_limits(fields) if fields else Limits()
        if in_force is None:
            return said
        if fields and said != in_force and content.document:
            message = "differs from the limits in force; they take effect at the next start"
            self.problems.append(content.document.problem((), message, severity="warning", check="limits/restart"))
        return in_force

    def read_playbooks(self, limits: Limits) -> None:
        for name in self.files("playbooks"):
            content = self.content(name)
            make = partial(read_playbook_file, content, Path(name).stem, name, limits, self.given.actions)
            self.playbooks[name] = part = self.kept.result("playbook", name, (content, limits), make)
            self.problems += part.problems

    def read_table(self) -> OutcomeTable:
        if not (self.given.root / OUTCOMES).exists():
            return OutcomeTable()
        content = self.content(OUTCOMES)
        table, problems = self.kept.result("outcomes", OUTCOMES, (content,), partial(read_outcomes, content))
        self.problems += problems
        return table

    def read_alerts(self) -> None:
        for name in self.files("alerts"):
            content = self.content(name)
            part = self.kept.result("alerts", name, (content,), partial(read_alert_file, content, name))
            self.problems += part.problems if part else content.problems
            if part:
                self.alerts[name] = part

    def read_metrics(self) -> KnownMetrics:
        content = self.content(FOREIGN) if (self.given.root / FOREIGN).exists() else None
        recorded = recordings(part.facts for part in self.alerts.values())
        make = partial(known_metrics, self.given.root, recorded)
        metrics, problems = self.kept.result("metrics", FOREIGN, (content, recorded), make)
        self.problems += problems
        return metrics

    def lint_each(self, metrics: KnownMetrics) -> None:
        """Each file's rules against the playbooks that they ask for and the metrics that there are."""
        usable, names = self.usable(), self.names()
        whole = self.whole()
        known = Known(usable, names, self.given.actions, metrics)
        for name, part in self.alerts.items():
            asked = {rule.labels.get("playbook", "") for group in part.groups for rule in group.rules}
            named = tuple((one, usable.get(one)) for one in sorted(asked))
            inputs = (part, named, None if asked <= names else names)
            asking = self.kept.result("asking", name, inputs, partial(lint_asking, part.facts, known))
            reads = self.kept.result("reads", name, (part, metrics), partial(lint_metrics, part.facts, metrics))
            found = (*part.facts.problems, *asking, *reads)
            self.problems += (one for one in found if part.reliable(one) and (whole or one.check not in BY_ABSENCE))

    def lint_all(self) -> None:
        """What only the whole set shows."""
        files = {name: part.facts for name, part in self.alerts.items()}
        playbooks = {
            part.playbook.name: (part.playbook, part.document)
            for part in self.playbooks.values()
            if part.playbook and part.document
        }
        given, tests = self.given, sorted((self.given.root / "tests").glob("*/*.y*ml"))
        inputs = (*files.values(), *playbooks.values(), *((path, stamp(path)) for path in tests))
        make = partial(lint_folder, files, playbooks, always=given.liveness, folder=given.root, fleet=given.fleet)
        unreliable = {part.document.file: part for part in self.alerts.values() if part.unread}
        whole = self.whole()
        for problem in self.kept.result("folder", "", inputs, make):
            part = unreliable.get(problem.file)
            if (part is None or part.reliable(problem)) and (whole or problem.check not in BY_ABSENCE):
                self.problems.append(problem)

    def check_names(self) -> None:
        """Names that stand in one file and have to be in another."""
        if self.given.liveness not in self.names():
            message = f"playbook {self.given.liveness!r}, which the settings name for dead hosts, is missing"
            folder = legible(self.given.root / "playbooks")
            self.problems.append(Problem(folder, 0, 0, message, check="playbook/missing"))
        document = self.contents[OUTCOMES].document if OUTCOMES in self.contents else None
        if document and self.whole():
            rules = [rule for part in self.alerts.values() for group in part.groups for rule in group.rules]
            names = frozenset(rule.name for rule in rules if not rule.recording)
            self.problems += unknown_alerts(document, names)

    def whole(self) -> bool:
        """Whether every rule could be read: otherwise nobody knows what none of them does."""
        parsed = all(one.document for name, one in self.contents.items() if name.startswith("alerts/"))
        return parsed and not any(part.unread or not part.groups for part in self.alerts.values())

    def groups(self, table: OutcomeTable) -> tuple[Group, ...]:
        found: list[Group] = []
        for name, part in self.alerts.items():
            found += self.kept.result("groups", name, (part, table), partial(with_outcomes, part.groups, table))
        return tuple(found)

    def usable(self) -> dict[str, Playbook]:
        return {part.playbook.name: part.playbook for part in self.playbooks.values() if part.playbook}

    def names(self) -> frozenset[str]:
        """A broken file still counts as a known playbook, so that one mistake is told once."""
        return frozenset(Path(name).stem for name in self.playbooks)

    def told(self) -> tuple[Problem, ...]:
        """Everything found, but for what comments disable; with what is wrong with the comments."""
        comments: dict[str, tuple[Comment, ...]] = {}
        for name, content in self.contents.items():
            if content.document:
                make = partial(read_comments, content.document)
                comments[content.file] = self.kept.result("comments", name, (content,), make)
        return bounded(honoured(once(self.problems), comments))

    def digest(self) -> str:
        """One hash over every file's name and bytes: decisions record which policy they were made under."""
        total = hashlib.sha256()
        for name, content in sorted(self.contents.items()):
            total.update(name.encode("utf-8", "surrogateescape") + b"\0" + content.digest)
        return total.hexdigest()

    def changed(self) -> frozenset[str]:
        paths = self.kept.changed | self.kept.gone()
        return frozenset(legible(path.relative_to(self.given.root)) for path in paths)
