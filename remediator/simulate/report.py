"""What a run of tests came to, for people, for programs and for build servers."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from xml.etree import ElementTree


class Outcome(StrEnum):
    """How one test ended."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Ended:
    """One test: its suite, its name, how it ended, the words for people, and where it stands."""

    suite: str
    name: str
    outcome: Outcome
    text: str = ""
    file: str = ""
    line: int = 0

    @property
    def place(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


def exit_code(tested: Sequence[Ended]) -> int:
    """0 when all passed; 1 when one failed or was skipped, or when there was none."""
    return int(not tested or any(each.outcome is not Outcome.PASSED for each in tested))


def as_text(tested: Sequence[Ended]) -> str:
    """Every test that did not pass with its words, then a line a suite, then a count."""
    blocks = [_block(each) for each in tested if each.outcome is not Outcome.PASSED]
    blocks += [_suite_line(suite, tested) for suite in dict.fromkeys(each.suite for each in tested)]
    counts = Counter(each.outcome for each in tested)
    blocks.append(", ".join(f"{counts[outcome]} {outcome}" for outcome in Outcome if counts[outcome]) or "no tests")
    return "\n".join(blocks)


def as_json(tested: Sequence[Ended]) -> str:
    rows = [
        {
            "suite": each.suite,
            "name": each.name,
            "outcome": each.outcome,
            "text": each.text,
            "file": each.file,
            "line": each.line,
        }
        for each in tested
    ]
    return json.dumps({"tests": rows, "counts": Counter(each.outcome.value for each in tested)}, indent=2)


def as_junit(tested: Sequence[Ended]) -> str:
    """JUnit's XML, as build servers read it."""
    counts = Counter(each.outcome for each in tested)
    told = {
        "name": "fleetmend test",
        "tests": str(len(tested)),
        "failures": str(counts[Outcome.FAILED]),
        "skipped": str(counts[Outcome.SKIPPED]),
    }
    root = ElementTree.Element("testsuites", told)
    for suite in dict.fromkeys(each.suite for each in tested):
        mine = [each for each in tested if each.suite == suite]
        inner = ElementTree.SubElement(root, "testsuite", {"name": suite, "tests": str(len(mine))})
        for each in mine:
            _junit_case(inner, each)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode")


def _junit_case(suite: ElementTree.Element, each: Ended) -> None:
    place = {"file": each.file, "line": str(each.line)} if each.line else {"file": each.file}
    case = ElementTree.SubElement(suite, "testcase", {"classname": each.suite, "name": each.name, **place})
    if each.outcome is not Outcome.PASSED:
        kind = "failure" if each.outcome is Outcome.FAILED else "skipped"
        lines = each.text.splitlines()
        told = ElementTree.SubElement(case, kind, {"message": lines[0] if lines else ""})
        # What XML cannot hold at all is left out.
        told.text = "".join(char for char in each.text if char.isprintable() or char in "\n\t")


def _block(each: Ended) -> str:
    lines = [f"{each.outcome.upper()} {each.suite}: {each.name} ({each.place})"]
    return "\n".join([*lines, *(f"    {line}" for line in each.text.splitlines()), ""])


def _suite_line(suite: str, tested: Sequence[Ended]) -> str:
    mine = [each for each in tested if each.suite == suite]
    passed = sum(each.outcome is Outcome.PASSED for each in mine)
    return f"{suite}: {passed} of {len(mine)} passed"
