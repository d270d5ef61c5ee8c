"""What a person says, and against what it is judged, in tests of people's words."""

from datetime import datetime, timedelta

from remediator.engine.people.spoken import Ground
from remediator.model.fleet import Fleet
from remediator.model.policy import EvidenceGuard, Step
from remediator.model.said import Said, Word
from tests.remediator.builders import NOON, playbook

HOUR = timedelta(hours=1)
BOOKS = {
    book.name: book
    for book in (playbook(), playbook("host_disk_full", steps=(Step("drain"),), evidence=EvidenceGuard()))
}


def said(word: Word, until: datetime | None = NOON + HOUR) -> Said:
    return Said(word, "ada (operator token)", "new psu", until)


def ground(on: Fleet) -> Ground:
    return Ground(on, BOOKS, NOON)
