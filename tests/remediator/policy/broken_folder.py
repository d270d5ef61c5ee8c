"""A good rules folder that is spoiled and mended again, with one reader for it all."""

from pathlib import Path

from remediator.actions import ACTIONS
from remediator.model.errors import Problem
from remediator.policy.load import PolicyReader, Reading
from remediator.policy.yaml.values import lines_of
from tests.remediator.policy.conftest import ALERTS, LIMITS

PLAYBOOK = """\
playbook: host_dead
target: host
requires: {continuous: 2s, settle: 2s}
steps:
  - mark_host_dead
  - recreate: {machines: stateless, pace: 20/s}
    meanwhile: {fence: {via: [bmc], retry: 5m}}
  - condemn: {after: patience}
"""
OUTCOMES = "default: {no_data: resolve}\nalerts:\n  HostDead: {no_data: keep, error: alert}\n"
GOOD = {
    "limits.yml": LIMITS,
    "outcomes.yml": OUTCOMES,
    "playbooks/host_dead.yml": PLAYBOOK,
    "alerts/liveness.yml": ALERTS,
}


class Folder:
    """A good folder that is spoiled and mended again, with one reader for it all."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for name, text in GOOD.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        self.reader = PolicyReader(root, ACTIONS)
        self.good = self.read()

    def read(self) -> Reading:
        """What the reader says; nothing that it says may lie outside of the files."""
        reading = self.reader.read()
        for problem in reading.problems:
            assert problem.check, problem
            if problem.file in reading.texts:
                assert problem.line <= len(lines_of(reading.texts[problem.file])), problem
        return reading

    def spoil(self, name: str, content: bytes) -> Reading:
        (self.root / name).write_bytes(content)
        return self.read()

    def mend(self) -> None:
        for name, text in GOOD.items():
            path = self.root / name
            if path.is_dir() and not path.is_symlink():
                path.rmdir()
            elif path.is_symlink() or (path.exists() and not path.is_file()):
                path.unlink()
            path.write_text(text)


def errors(reading: Reading) -> list[Problem]:
    return list(reading.errors)
