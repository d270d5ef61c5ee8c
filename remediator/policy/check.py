"""What ``fleetmend check`` looks at: a rules folder, or a folder with settings and all that they name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from remediator.model.errors import BadInput, Problem
from remediator.model.policy import Policy
from remediator.policy.configuration import load_inventory, load_settings
from remediator.policy.lint.playbooks import Site
from remediator.policy.load import read_policy
from remediator.policy.problems import did_you_mean
from remediator.policy.reading import Reading
from remediator.policy.steps import Actions
from remediator.policy.webhooks import webhook_problems
from remediator.policy.yaml.positions import Document, read_document
from remediator.settings import Settings

SETTINGS_FILE = "fleetmend.yml"


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found; ``rules`` is the rules folder that was read."""

    rules: Path
    reading: Reading
    problems: tuple[Problem, ...]
    settings: Settings | None = None
    texts: Mapping[str, str] = field(default_factory=dict)

    @property
    def documents(self) -> Mapping[str, Document]:
        return self.reading.documents


def check(folder: Path, actions: Actions) -> list[Problem]:
    """Everything wrong with a rules folder, or with a folder with fleetmend.yml and whatever that names."""
    return list(examine(folder, actions).problems)


def examine(folder: Path, actions: Actions, rules: Path | None = None) -> Checked:
    """As ``check``, with what was read; ``rules`` goes before the folder that the settings name."""
    file = folder / SETTINGS_FILE
    if not file.exists():
        rules = rules or _rules_in(folder)
        reading = read_policy(rules, actions)
        return Checked(rules, reading, reading.problems, None, reading.texts)
    problems: list[Problem] = []
    settings = _settings(file, problems)
    rules = rules or (settings.rules if settings else folder / "rules")
    fleet = _fleet(settings, problems) if settings else ()
    reading = read_policy(rules, actions, settings.liveness_playbook if settings else "host_dead", fleet)
    problems += reading.problems
    if settings:
        problems += patience_problems(settings, reading.policy, file) + _intake_problems(
            settings, reading.policy, file
        )
        problems += webhook_problems(settings, reading)
    return Checked(rules, reading, tuple(sorted(problems)), settings, reading.texts)


def patience_problems(settings: Settings, policy: Policy, file: Path) -> list[Problem]:
    """Patience decides about killing: the settings may lengthen it, never shorten it."""
    given, least = settings.patience, policy.limits.patience
    if given >= least:
        return []
    message = f"patience: {given.total_seconds():g}s is shorter than limits.yml allows ({least.total_seconds():g}s)"
    return [Problem(str(file), 0, 0, message, check="limits/loosened")]


def _rules_in(folder: Path) -> Path:
    """The folder itself, or the folder ``rules`` in it."""
    inside = folder / "rules"
    return inside if inside.is_dir() and not (folder / "playbooks").exists() else folder


def _intake_problems(settings: Settings, policy: Policy, file: Path) -> list[Problem]:
    """Senders that may ask for a playbook that does not exist."""
    document = read_document(file)
    return [
        document.problem(
            ("intake", index, "playbooks", number),
            f"unknown playbook {name!r}{did_you_mean(name, policy.playbooks)}",
            check="playbook/unknown",
        )
        for index, sender in enumerate(settings.intake)
        for number, name in enumerate(sender.playbooks)
        if name not in policy.playbooks
    ]


def exit_code(problems: Sequence[Problem]) -> int:
    """0 when all is well, 1 with warnings only, 2 with errors; notes count as well."""
    severities = {problem.severity for problem in problems}
    return 2 if "error" in severities else int("warning" in severities)


def _settings(path: Path, problems: list[Problem]) -> Settings | None:
    try:
        return load_settings(path, {})
    except BadInput as error:
        problems += error.problems
        return None


def _fleet(settings: Settings, problems: list[Problem]) -> tuple[Site, ...]:
    """Where the expected hosts stand."""
    try:
        return tuple(Site(host.region, host.rack) for host in load_inventory(settings.hosts))
    except BadInput as error:
        problems += error.problems
        return ()
