"""A small rules folder that is all right, for tests to spoil."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from remediator.actions.fields import Duration, Strict
from remediator.actions.spec import ActionSpec
from remediator.model.policy import Kind
from remediator.policy.load import read_policy

LIMITS = """\
patience: 120s
max_in_flight: {share: 5%, at_least: 2}
newly_unhealthy: {share: 10%, at_least: 1}
settle: 2s
continuous: 2s
outside_rack: 2
correlated_at_least: 3
"""
PLAYBOOK = """\
playbook: host_dead
target: host
steps:
  - mark_host_dead
  - move: {within: 5m}
    meanwhile: notify
  - condemn
"""
ALERTS = """\
groups:
  - name: liveness
    interval: 1s
    rules:
      - alert: HostDead
        expr: sum by (host) (silent) > 2
        for: 3s
        labels: {severity: critical, playbook: host_dead}
        annotations: {summary: "{{ $labels.host }}", runbook_url: docs/host_dead.md}
"""


class NoParams(Strict):
    """Nothing."""


class MoveParams(Strict):
    """One duration."""

    within: Duration
    machines: str = "all"


ACTIONS: Mapping[str, ActionSpec] = {
    name: ActionSpec(name, kind, label, params)
    for name, kind, label, params in (
        ("mark_host_dead", Kind.HEALING, "host", NoParams),
        ("move", Kind.ADDITIVE, "host", MoveParams),
        ("condemn", Kind.DESTRUCTIVE, "host", NoParams),
        ("burst_provision", Kind.ADDITIVE, "region", NoParams),
        ("notify", Kind.TELLING, "", NoParams),
    )
}


class Rules:
    """A rules folder on disk; files are given by their path within it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.put("limits.yml", LIMITS)
        self.put("playbooks/host_dead.yml", PLAYBOOK)
        self.put("alerts/liveness.yml", ALERTS)
        self.put("foreign_metrics.yml", "names: [silent]\n")

    def put(self, name: str, text: str) -> None:
        (self.root / name).parent.mkdir(parents=True, exist_ok=True)
        (self.root / name).write_text(text)

    def change(self, name: str, old: str, new: str) -> None:
        text = (self.root / name).read_text()
        assert old in text
        (self.root / name).write_text(text.replace(old, new))

    def said(self) -> list[str]:
        """Every problem, its file shown within the folder."""
        found = read_policy(self.root, ACTIONS).problems
        return [str(problem).removeprefix(f"{self.root}/") for problem in found]


@pytest.fixture
def rules(tmp_path: Path) -> Rules:
    return Rules(tmp_path / "rules")


@pytest.fixture
def actions() -> Mapping[str, ActionSpec]:
    return ACTIONS
