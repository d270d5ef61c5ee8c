"""``fleetmend check``: everything that is wrong with a folder, told at once and with its place."""

from collections.abc import Sequence
from pathlib import Path

from remediator.model.errors import BadInput, Problem
from remediator.model.policy import Policy
from remediator.policy.configuration import load_inventory, load_settings
from remediator.policy.load import read_policy
from remediator.policy.steps import Actions
from remediator.settings import Settings

SETTINGS_FILE = "fleetmend.yml"


def check(folder: Path, actions: Actions) -> list[Problem]:
    """Check a rules folder, or a folder with fleetmend.yml and whatever that names."""
    if not (folder / SETTINGS_FILE).exists():
        return list(read_policy(folder, actions).problems)
    problems: list[Problem] = []
    settings = _settings(folder / SETTINGS_FILE, problems)
    rules = settings.rules if settings else folder / "rules"
    reading = read_policy(rules, actions, settings.liveness_playbook if settings else "host_dead")
    problems += reading.problems
    if settings:
        problems += _inventory(settings) + patience_problems(settings, reading.policy, folder / SETTINGS_FILE)
    return sorted(problems)


def patience_problems(settings: Settings, policy: Policy, file: Path) -> list[Problem]:
    """Patience decides about killing: the settings may lengthen it, never shorten it."""
    given, least = settings.patience, policy.limits.patience
    if given >= least:
        return []
    message = f"patience: {given.total_seconds():g}s is shorter than limits.yml allows ({least.total_seconds():g}s)"
    return [Problem(str(file), 0, 0, message)]


def exit_code(problems: Sequence[Problem]) -> int:
    """0 when all is well, 1 with warnings only, 2 with errors."""
    severities = {problem.severity for problem in problems}
    return 2 if "error" in severities else int(bool(severities))


def render(problems: Sequence[Problem]) -> str:
    """Each problem with the line it is about and a caret under its column; a count at the end."""
    blocks = [f"{problem.severity}: {problem}{_excerpt(problem)}" for problem in problems]
    errors = sum(problem.severity == "error" for problem in problems)
    blocks.append(f"{_count(errors, 'error')}, {_count(len(problems) - errors, 'warning')}")
    return "\n".join(blocks)


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def _settings(path: Path, problems: list[Problem]) -> Settings | None:
    try:
        return load_settings(path, {})
    except BadInput as error:
        problems += error.problems
        return None


def _inventory(settings: Settings) -> list[Problem]:
    try:
        load_inventory(settings.hosts)
    except BadInput as error:
        return error.problems
    return []


def _excerpt(problem: Problem) -> str:
    if not problem.column:
        return ""
    try:
        lines = Path(problem.file).read_text("utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    if problem.line > len(lines):
        return ""
    line = lines[problem.line - 1].replace("\t", " ")
    # A long line is shown around its column, so that the caret stays on the screen.
    start = max(0, problem.column - 80)
    return f"\n    {line[start : start + 110]}\n    {' ' * (problem.column - 1 - start)}^"
