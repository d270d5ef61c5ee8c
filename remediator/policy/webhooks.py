"""Webhooks that playbooks call and the settings do not name: found before anybody is told nothing."""

from collections.abc import Iterator

from remediator.model.errors import Problem
from remediator.model.policy import Mode
from remediator.policy.problems import did_you_mean
from remediator.policy.reading import Reading
from remediator.policy.steps import flat
from remediator.settings import Settings

_ACTS = (Mode.APPROVE, Mode.AUTO)


def webhook_problems(settings: Settings, reading: Reading) -> Iterator[Problem]:
    """A warning for each such call; a playbook that only watches calls nobody."""
    for playbook in reading.policy.playbooks.values():
        document = reading.documents.get(playbook.file)
        for where, step in flat(playbook.steps):
            name = step.params.get("to", "")
            if step.action != "webhook" or name in settings.webhooks or playbook.mode not in _ACTS or not document:
                continue
            message = f"the settings have no webhook {name!r}{did_you_mean(name, settings.webhooks)}"
            yield document.problem((*where, "webhook", "to"), message, severity="warning", check="playbook/webhook")
