"""Webhooks that playbooks call, against those that the settings name."""

from pathlib import Path

import pytest

from remediator.actions import ACTIONS
from remediator.commands.init import shipped_rules
from remediator.policy.check import check

PLAYBOOK = """\
playbook: region_without_room
mode: {mode}
target: region
requires:
  evidence: {{verdict: none}}
steps:
  - notify
  - webhook: {{to: {to}}}
ask: {{expires: 1h, then: hold_and_page}}
"""


@pytest.mark.parametrize(
    ("mode", "to", "said"),
    [
        ("auto", "rolout", ["the settings have no webhook 'rolout' (did you mean 'rollout'?)"]),
        ("approve", "other", ["the settings have no webhook 'other'"]),
        ("auto", "rollout", []),
        # It only says what it would do.
        ("shadow", "rolout", []),
    ],
)
def test_a_webhook_that_is_not_there_is_told(tmp_path: Path, mode: str, to: str, said: list[str]) -> None:
    playbooks = tmp_path / "rules" / "playbooks"
    playbooks.mkdir(parents=True)
    (tmp_path / "rules" / "alerts").mkdir()
    (tmp_path / "rules" / "limits.yml").write_text((shipped_rules() / "limits.yml").read_text())
    (playbooks / "region_without_room.yml").write_text(PLAYBOOK.format(mode=mode, to=to))
    (tmp_path / "fleetmend.yml").write_text("webhooks: {rollout: {url: 'http://127.0.0.1:9'}}\n")
    (tmp_path / "hosts.yml").write_text("[]\n")
    found = [problem for problem in check(tmp_path, ACTIONS) if problem.check == "playbook/webhook"]
    assert [problem.message.partition(": ")[2] for problem in found] == said
    assert {(problem.line, problem.severity) for problem in found} <= {(8, "warning")}
