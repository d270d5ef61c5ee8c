"""What came of a playbook's last remediations, and whether it is still trusted to act by itself."""

from dataclasses import dataclass, replace
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Result:
    """How one remediation ended."""

    at: datetime
    target: str
    succeeded: bool


@dataclass(frozen=True, slots=True)
class Record:
    """One playbook's results, newest first, under one text of its rules (``rules`` is a digest of it).

    ``fallen_at`` is since when it asks before each act; ``text`` says why, or who trusts it again.
    """

    playbook: str
    rules: str
    moved_at: datetime
    results: tuple[Result, ...] = ()
    fallen_at: datetime | None = None
    text: str = ""

    def trusted_again(self, by: str, why: str, now: datetime) -> "Record":
        """A person's word: it acts by itself again, and is judged from here on."""
        told = f"trusted again by {by}: {why}"
        return replace(self, results=(), fallen_at=None, moved_at=now, text=told)
