"""Mutation testing of the code that decides: a copy of the tree, mutmut over it, and a score for each file."""

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PLACE = ROOT / ".cache" / "mutation" / "tree"
LOG = PLACE.parent / "run.log"
DEFAULT = ("remediator/engine", "remediator/model")
# What decides is tested by these; nothing else is copied.
TESTS = ("tests/remediator/engine", "tests/remediator/model", "tests/remediator/actions")
SHARED = ("tests/remediator/builders.py",)
SCENARIOS = '''"""Each scenario of the shipped playbooks is a test."""

from pathlib import Path

import pytest

from remediator.actions import ACTIONS
from remediator.policy.load import load_policy
from remediator.simulate.scenarios.scenario import Scenario, read_scenarios
from remediator.simulate.scenarios.run import run

RULES = Path("rules").resolve()
POLICY = load_policy(RULES, ACTIONS)


@pytest.mark.parametrize("scenario", read_scenarios(RULES, POLICY, ACTIONS), ids=lambda each: each.name)
def test_scenario(scenario: Scenario) -> None:
    assert run(scenario, POLICY, ACTIONS, "host_dead").failures == ()
'''
# The same examples for each mutant, and few of them: what luck finds is no score.
SAME_EXAMPLES = '''"""Property tests try the same few examples each time."""

from hypothesis import settings

settings.register_profile("mutation", derandomize=True, max_examples=20, database=None, deadline=None)
settings.load_profile("mutation")
'''
# How mutmut calls the exit codes of a mutant's tests.
KILLED, SURVIVED, NO_TESTS = "killed", "survived", "no tests"
CODES = {0: SURVIVED, 1: KILLED, 3: KILLED, 5: NO_TESTS, 33: NO_TESTS, 24: "timeout", 36: "timeout", -24: "timeout"}
# Whoever hangs is noticed too.
NOTICED = frozenset({KILLED, "timeout"})


def main() -> int:
    asked = _arguments()
    paths = [Path(path) for path in asked.paths or DEFAULT]
    missing = [str(path) for path in paths if not (ROOT / path).exists()]
    if missing:
        print(f"no such file or folder: {', '.join(missing)}", file=sys.stderr)
        return 2
    copy_tree(paths, scenarios=not asked.without_scenarios)
    ended = run(asked.children)
    found = dict(results(PLACE / "mutants"))
    if not found:
        print(f"nothing was tried (do the tests pass as they are?): see {LOG}", file=sys.stderr)
        return ended or 2
    print(told(found))
    return 0


def run(children: int) -> int:
    """mutmut over the copy; all that it says goes to the log. Its exit code."""
    command = [str(Path(sys.executable).parent / "mutmut"), "run", "--max-children", str(children)]
    with LOG.open("wb") as log:
        environment = {**os.environ, "PYTHONPATH": ""}
        done = subprocess.run(command, cwd=PLACE, env=environment, stdout=log, stderr=log, check=False)
    return done.returncode


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/mutate", description=__doc__)
    parser.add_argument("paths", nargs="*", metavar="PATH", help=f"default: {' '.join(DEFAULT)}")
    parser.add_argument("--children", type=int, default=2, help="mutants tested at once")
    parser.add_argument("--without-scenarios", action="store_true", help="the unit tests alone")
    return parser.parse_args()


def copy_tree(paths: list[Path], *, scenarios: bool) -> None:
    """What is mutated and what tests it, as it stands in the work tree, and the settings of mutmut beside it."""
    shutil.rmtree(PLACE, ignore_errors=True)
    PLACE.mkdir(parents=True)
    left_out = shutil.ignore_patterns("__pycache__")
    for folder in ("remediator", "rules", *TESTS):
        shutil.copytree(ROOT / folder, PLACE / folder, ignore=left_out)
    for file in (*SHARED, "pyproject.toml"):
        shutil.copy2(ROOT / file, PLACE / file)
    (PLACE / "tests" / "conftest.py").write_text(SAME_EXAMPLES)
    if scenarios:
        (PLACE / "tests" / "test_playbook_scenarios.py").write_text(SCENARIOS)
    (PLACE / "setup.cfg").write_text(settings(paths))


def settings(paths: list[Path]) -> str:
    mutated = [f"{path}/*" if (ROOT / path).is_dir() else str(path) for path in paths]
    lists = {
        "source_paths": ["remediator"],
        "only_mutate": mutated,
        "also_copy": ["rules"],
        "pytest_add_cli_args_test_selection": ["tests"],
        "pytest_add_cli_args": ["-p", "no:cacheprovider"],
    }
    lines = [f"{name} =\n" + "".join(f"    {value}\n" for value in values) for name, values in lists.items()]
    return "[mutmut]\n" + "".join(lines)


def results(folder: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """For each file the name of every mutant and how its tests ended."""
    for meta in sorted(folder.rglob("*.py.meta")):
        tried = json.loads(meta.read_text())["exit_code_by_key"]
        # None: it was stopped before this one's turn.
        codes = {name: code for name, code in tried.items() if code is not None}
        if codes:
            file = str(meta.relative_to(folder)).removesuffix(".meta")
            yield file, {name: CODES.get(code, f"ended with {code}") for name, code in codes.items()}


def told(found: dict[str, dict[str, str]]) -> str:
    """The score of each file and of all, then every mutant that nobody noticed."""
    lines = []
    for file, mutants in found.items():
        lines.append(f"{_score(mutants)}  {file}")
    everything = {name: end for mutants in found.values() for name, end in mutants.items()}
    left = sorted(name for name, end in everything.items() if end not in NOTICED)
    lines += [f"{_score(everything)}  all", "", *(f"{everything[name]:9} {name}" for name in left)]
    lines.append(f"to see one: cd {PLACE.relative_to(ROOT)} && ../venv/bin/mutmut show NAME")
    return "\n".join(lines)


def _score(mutants: dict[str, str]) -> str:
    counted = Counter(end in NOTICED for end in mutants.values())
    return f"{counted[True]:5}/{len(mutants):<5} {100 * counted[True] / len(mutants):5.1f} %"


if __name__ == "__main__":
    sys.exit(main())
