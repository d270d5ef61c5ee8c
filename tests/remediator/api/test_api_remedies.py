"""Each reason for which something is held has a sentence that says what would change it."""

import re
from pathlib import Path

from remediator.api.explaining.remedies import what_would_help

CODE = Path(__file__).parents[3] / "remediator"


def reasons() -> set[str]:
    text = "".join(file.read_text() for part in ("engine", "actions") for file in (CODE / part).rglob("*.py"))
    return set(re.findall(r'Hold\(\s*"([A-Z]\w+)"', text)) | set(re.findall(r'reason="([A-Z]\w+)"', text))


def test_every_reason_in_the_engine_has_its_sentence() -> None:
    found = reasons()
    assert len(found) > 20
    unexplained = {reason for reason in found if what_would_help(reason, "x") == "that this is no longer so: x"}
    assert unexplained == set()


def test_commands_that_help_are_named() -> None:
    assert "fleetmend unhold" in what_would_help("OperatorHold", "")
    assert "fleetmend approve" in what_would_help("NeedsApproval", "")
    assert "fleetmend release" in what_would_help("Correlated", "")
