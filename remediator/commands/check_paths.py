"""Which folder a path belongs to, and which other files say something about it.

A hook names single files, but a file of rules means nothing alone: its whole folder is read, and what is told is
about the files named and those that depend on them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from remediator.model.errors import BadInput, Problem
from remediator.policy.check import SETTINGS_FILE, Checked
from remediator.policy.reading import LIMITS, OUTCOMES

PARTS = ("alerts", "playbooks")
# What everything else hangs on.
_GLOBAL = frozenset({LIMITS, SETTINGS_FILE})


@dataclass(frozen=True, slots=True)
class Asked:
    """One folder to check; with ``files`` only what concerns them is told, without them all."""

    folder: Path
    files: tuple[Path, ...] = ()


def find_asked(paths: Iterable[Path]) -> list[Asked]:
    """The folders that the paths are or lie in, each once.

    Raises:
        BadInput: a path that does not exist, or a file in no folder of rules.
    """
    whole: dict[Path, None] = {}
    files: dict[Path, list[Path]] = {}
    problems = []
    for path in paths:
        home = path if path.is_dir() else _home(path)
        if not path.exists() and not path.is_symlink():
            problems.append(Problem(str(path), 0, 0, "no such file or folder", check="file/unreadable"))
        elif home is None:
            message = "lies in no folder of rules: none above it has alerts/ or playbooks/"
            problems.append(Problem(str(path), 0, 0, message, check="file/unreadable"))
        elif path.is_dir():
            whole[home] = None
        else:
            files.setdefault(home, []).append(path)
    if problems:
        raise BadInput(problems)
    some = [Asked(home, tuple(named)) for home, named in files.items() if home not in whole]
    return [*(Asked(home) for home in whole), *some]


def about(checked: Checked, files: tuple[Path, ...]) -> list[Problem]:
    """The problems of these files, and of the files that depend on them."""
    wanted = {_real(path) for path in files}
    if any(path.name in _GLOBAL for path in files):
        return list(checked.problems)
    wanted |= {_real(checked.rules / name) for name in _dependants(checked, wanted)}
    return [problem for problem in checked.problems if _real(Path(problem.file)) in wanted]


def _home(path: Path) -> Path | None:
    """The folder with settings above a rules folder, else the rules folder that the file lies in."""
    if path.name in (SETTINGS_FILE, "hosts.yml") and (path.parent / SETTINGS_FILE).exists():
        return path.parent
    above = path.absolute().parents
    # Tests lie in folders of the same names, but have no limits.
    limited = (folder for folder in above if (folder / LIMITS).exists())
    parted = (folder for folder in above if any((folder / part).is_dir() for part in PARTS))
    folder = next(limited, None) or next(parted, None)
    if folder is None:
        return None
    shown = _as_given(path, folder)
    return shown.parent if (folder.parent / SETTINGS_FILE).exists() else shown


def _as_given(path: Path, folder: Path) -> Path:
    """The folder as the caller would write it: relative where the path was."""
    up = len(path.absolute().parent.relative_to(folder).parts)
    given = path.parent
    return given.parents[up - 1] if up and len(given.parents) >= up else given if not up else folder


def _dependants(checked: Checked, files: set[Path]) -> set[str]:
    """Alert files whose rules name a changed playbook, and playbooks that a changed alert file names."""
    found: set[str] = set()
    for file, playbooks in _named(checked).items():
        names = {f"playbooks/{name}.yml" for name in playbooks}
        if any(_real(checked.rules / name) in files for name in names):
            found.add(file)
        if _real(checked.rules / file) in files:
            found |= {*names, OUTCOMES}
    return found


def _named(checked: Checked) -> Mapping[str, set[str]]:
    named: dict[str, set[str]] = {}
    for group in checked.reading.policy.groups:
        named.setdefault(group.file, set()).update(rule.labels.get("playbook", "") for rule in group.rules)
    return named


def _real(path: Path) -> Path:
    """The path without links in its folders; links of the file itself are kept: a loop of them has no end."""
    return path.parent.resolve() / path.name
