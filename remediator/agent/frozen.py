"""Whether automatic acts are stopped on this host: by an operator's signed word, or by a file."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nacl.signing import VerifyKey

from remediator.agent.state import Store, put_fact
from remediator.model.errors import PermanentError
from remediator.wire.freeze import Freeze, check_freeze


@dataclass(slots=True)
class Frozen:
    """Of two signed words the younger holds; the file freezes as long as it is there.

    Args:
        operator: the pinned key; None before enrolment, when nobody's word counts.
    """

    store: Store
    file: Path
    operator: VerifyKey | None = None
    word: Freeze | None = None
    by_file: str = ""

    @classmethod
    def load(cls, store: Store, file: Path) -> "Frozen":
        return cls(store, file, word=store.fact("freeze", Freeze | None, None))  # type: ignore[arg-type]

    @property
    def text(self) -> str:
        """Why automatic acts are stopped, for people; empty when they are not."""
        return self.by_file or (self.word.text if self.word else "")

    def look(self) -> bool:
        """Read the file; whether that changed anything."""
        before = self.by_file
        try:
            said = self.file.read_text(errors="replace").strip()[:200]
            self.by_file = f"by file {self.file.name}: {said or 'no reason given'}"
        except OSError:
            self.by_file = ""
        return self.by_file != before

    async def take(self, document: dict[str, Any]) -> Freeze:
        """Obey a signed word, durably.

        Raises:
            PermanentError: not this fleet's operator's, or older than the one that holds.
        """
        if self.operator is None:
            raise PermanentError("this agent is not enrolled yet: it knows no operator")
        freeze = check_freeze(document, self.operator)
        if self.word and freeze.at < self.word.at:
            raise PermanentError("a younger word of the operator holds already")
        if freeze == self.word:
            return freeze
        self.word = freeze
        await self.store.write(put_fact("freeze", freeze))
        return freeze
